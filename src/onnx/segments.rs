//! The bytes of a file in segments. Long fields have one of their own, which is given back as soon as they are decoded; weights
//! stay in the file until then.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Seek};
use std::ops::Range;
use std::path::Path;

use bytes::{Buf, Bytes};

use super::scan::{self, Source};
use crate::allocate;
use crate::error::Error;
use crate::stop;

/// Fields of so many bytes have a segment of their own.
const LONG: usize = 1 << 16;

/// A run of bytes, not an empty one.
enum Segment {
    Bytes(Bytes),
    /// So many that are passed by, and not looked at.
    Gap(usize),
}

impl Segment {
    fn len(&self) -> usize {
        match self {
            Segment::Bytes(bytes) => bytes.len(),
            Segment::Gap(len) => *len,
        }
    }

    /// Those that come first; of a gap, which nobody should look at, zeros.
    fn bytes(&self) -> &[u8] {
        match self {
            Segment::Bytes(bytes) => bytes,
            Segment::Gap(len) => &ZEROS[..ZEROS.len().min(*len)],
        }
    }
}

const ZEROS: [u8; 64] = [0; 64];

/// Bytes one segment after the other. They end when the work is to stop.
#[derive(Default)]
pub(super) struct Segments {
    segments: VecDeque<Segment>,
    left: usize,
    /// How often some were taken.
    taken: usize,
    stopped: bool,
}

impl Segments {
    fn push(&mut self, segment: Segment) {
        if segment.len() > 0 {
            self.left += segment.len();
            self.segments.push_back(segment);
        }
    }

    fn take(&mut self) {
        self.taken += 1;
        if self.taken.is_multiple_of(stop::READ) {
            self.stopped |= stop::is_set();
        }
    }

    /// Drops the first `count` bytes of the first segment, which has as many.
    fn drop_first(&mut self, count: usize) {
        self.left -= count;
        if let Some(first) = self.segments.front_mut() {
            match first {
                Segment::Bytes(bytes) => bytes.advance(count),
                Segment::Gap(len) => *len -= count,
            }
            if first.len() == 0 {
                self.segments.pop_front();
            }
        }
    }
}

impl From<Bytes> for Segments {
    fn from(bytes: Bytes) -> Segments {
        let mut segments = Segments::default();
        segments.push(Segment::Bytes(bytes));
        segments
    }
}

impl Buf for Segments {
    fn remaining(&self) -> usize {
        if self.stopped { 0 } else { self.left }
    }

    /// Also when the work is to stop: a number may be half read.
    fn chunk(&self) -> &[u8] {
        self.segments.front().map_or(&[], Segment::bytes)
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 {
            let first = self.segments.front().map_or(0, Segment::len).min(count);
            assert!(first > 0, "no more is taken than there is");
            self.drop_first(first);
            count -= first;
        }
        self.take();
    }

    /// Numbers of several bytes are read one by one, after a single look at how many there are.
    fn get_u8(&mut self) -> u8 {
        let byte = self.segments[0].bytes()[0];
        self.drop_first(1);
        byte
    }

    /// Without a copy, unless they are in several segments.
    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        let bytes = match self.segments.front() {
            Some(Segment::Bytes(first)) if first.len() >= len => {
                let bytes = first.slice(..len);
                self.drop_first(len);
                bytes
            }
            _ => {
                let mut copy = allocate::with_capacity(len);
                while copy.len() < len {
                    let bytes = self.segments[0].bytes();
                    let count = (len - copy.len()).min(bytes.len());
                    copy.extend_from_slice(&bytes[..count]);
                    self.drop_first(count);
                }
                copy.into()
            }
        };
        self.take();
        bytes
    }
}

/// The keys of the raw data of a tensor, and of a field that a tensor does not have, which is passed by.
const RAW_KEY: u8 = (scan::RAW_DATA as u8) << 3 | 2;
const NO_FIELD: u8 = 15 << 3 | 2;

/// Bytes that are read at once.
const AT_ONCE: usize = 1 << 20;

/// A file that is read as it is scanned.
pub(super) struct Reading<'p, R> {
    reader: BufReader<R>,
    path: &'p Path,
    len: usize,
    at: usize,
    read: Segments,
    /// What comes behind the segments that have been read.
    small: Vec<u8>,
    /// Where the raw data of initializers lie that have not been read, by the number of the initializer.
    weights: HashMap<usize, Range<u64>>,
}

impl<'p, R: Read + Seek> Reading<'p, R> {
    /// The first `len` bytes of `reader`.
    pub(super) fn new(reader: R, path: &'p Path, len: usize) -> Reading<'p, R> {
        Reading {
            reader: BufReader::with_capacity(LONG, reader),
            path,
            len,
            at: 0,
            read: Segments::default(),
            small: Vec::new(),
            weights: HashMap::new(),
        }
    }

    /// What has gone by; the file, and where the raw data of initializers lie in it that are not there.
    pub(super) fn end(mut self) -> (Segments, R, HashMap<usize, Range<u64>>) {
        self.end_segment();
        (self.read, self.reader.into_inner(), self.weights)
    }

    fn end_segment(&mut self) {
        let small = std::mem::take(&mut self.small);
        self.read.push(Segment::Bytes(small.into()));
    }

    /// Appends `count` bytes to `to`.
    fn read(&mut self, count: usize, mut to: Vec<u8>) -> Result<Vec<u8>, Error> {
        let room = to.try_reserve(count);
        room.map_err(|_| allocate::Refused::new::<u8>(count))?;
        let all = to.len() + count;
        while to.len() < all {
            stop::check_loading()?;
            let some = AT_ONCE.min(all - to.len());
            let mut reader = self.reader.by_ref().take(some as u64);
            let read = reader.read_to_end(&mut to);
            if read.map_err(|error| Error::io(self.path, error))? < some {
                return Err(self.ended());
            }
        }
        self.at += count;
        Ok(to)
    }

    fn ended(&self) -> Error {
        Error::io(self.path, std::io::ErrorKind::UnexpectedEof.into())
    }
}

impl<R: Read + Seek> Source for Reading<'_, R> {
    fn len(&self) -> usize {
        self.len
    }

    fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let bytes = self.reader.fill_buf();
        let bytes = bytes.map_err(|error| Error::io(self.path, error))?;
        let Some(byte) = bytes.first().copied() else {
            return Err(self.ended());
        };
        self.reader.consume(1);
        self.at += 1;
        allocate::push(&mut self.small, byte);
        Ok(byte)
    }

    fn pass(&mut self, count: usize) -> Result<(), Error> {
        if count < LONG {
            let small = std::mem::take(&mut self.small);
            self.small = self.read(count, small)?;
            return Ok(());
        }
        self.end_segment();
        let segment = self.read(count, Vec::new())?;
        self.read.push(Segment::Bytes(segment.into()));
        Ok(())
    }

    fn pass_weights(&mut self, number: usize, from: usize, count: usize) -> Result<(), Error> {
        let key = self.small.len() - (self.at - from);
        if count < LONG || self.small[key] != RAW_KEY {
            return self.pass(count);
        }
        let skipped = self.reader.seek_relative(count as i64);
        skipped.map_err(|error| Error::io(self.path, error))?;
        // As long as before, so that the messages around it are.
        self.small[key] = NO_FIELD;
        self.end_segment();
        self.read.push(Segment::Gap(count));
        self.weights
            .insert(number, self.at as u64..(self.at + count) as u64);
        self.at += count;
        Ok(())
    }

    fn pass_numbers(&mut self, count: usize) -> Result<usize, Error> {
        let begin = self.small.len();
        self.pass(count)?;
        let numbers = match count < LONG {
            true => &self.small[begin..],
            false => self.read.segments.back().map_or(&[][..], Segment::bytes),
        };
        let mut found = 0;
        for numbers in numbers.chunks(AT_ONCE) {
            stop::check_loading()?;
            found += numbers.iter().filter(|byte| **byte < 0x80).count();
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Bytes in segments of these lengths, each byte the number of its place.
    fn segments(lens: &[usize]) -> Segments {
        let mut segments = Segments::default();
        let mut next = 0u8;
        for len in lens {
            segments.push(Segment::Bytes(
                (0..*len).map(|at| next + at as u8).collect(),
            ));
            next += *len as u8;
        }
        segments
    }

    #[test]
    fn segments_are_one_run_of_bytes() {
        let mut bytes = segments(&[3, 0, 1, 4, 2]);
        assert_eq!(bytes.remaining(), 10);
        assert_eq!(bytes.get_u8(), 0);
        assert_eq!(bytes.copy_to_bytes(2)[..], [1, 2]);
        assert_eq!(bytes.chunk(), [3]);
        assert_eq!(bytes.copy_to_bytes(3)[..], [3, 4, 5]);
        bytes.advance(3);
        assert_eq!((bytes.remaining(), bytes.chunk()), (1, &[9][..]));
        assert_eq!(bytes.copy_to_bytes(1)[..], [9]);
        assert_eq!((bytes.remaining(), bytes.chunk()), (0, &[][..]));
        assert_eq!(bytes.copy_to_bytes(0)[..], []);
    }

    #[test]
    fn gaps_are_passed_by() {
        let mut bytes = segments(&[2]);
        bytes.push(Segment::Gap(1 << 40));
        bytes.push(Segment::Bytes(Bytes::from_static(&[7])));
        bytes.advance(1);
        assert_eq!(bytes.remaining(), (1 << 40) + 2);
        bytes.advance((1 << 40) + 1);
        assert_eq!(bytes.get_u8(), 7);
    }

    #[test]
    fn long_fields_are_segments_of_their_own() {
        let all: Vec<u8> = (0..LONG + 50).map(|at| at as u8).collect();
        let mut reading = Reading::new(Cursor::new(&all), Path::new("file"), all.len());
        assert_eq!(reading.byte().expect("it is there"), 0);
        reading.pass(9).expect("they are there");
        reading.pass(LONG).expect("they are there");
        assert_eq!(reading.pass_numbers(20).expect("they are there"), 20);
        reading.pass(20).expect("they are there");
        assert_eq!((reading.at(), reading.len()), (all.len(), all.len()));
        assert!(reading.byte().is_err(), "it ends there");
        let (mut segments, ..) = reading.end();
        let lens: Vec<usize> = segments.segments.iter().map(Segment::len).collect();
        assert_eq!(lens, [10, LONG, 40]);
        assert!(segments.copy_to_bytes(all.len())[..] == all);
    }

    #[test]
    fn a_file_that_has_become_shorter_is_an_error() {
        for len in [1, LONG] {
            let mut reading = Reading::new(Cursor::new([0u8; 3]), Path::new("file"), LONG);
            reading.pass(3).expect("they are there");
            assert!(reading.pass(len).is_err());
        }
    }
}
