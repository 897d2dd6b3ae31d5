//! No engine, but the limit of all: a copy that reads and writes as many bytes as the workload has to.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use rayon::ThreadPool;
use rayon::prelude::*;

use super::{Engine, Loaded, rayon_pool};
use crate::elements::Output;
use crate::workload::Workload;

pub struct CopyLimit {
    pool: ThreadPool,
}

impl CopyLimit {
    pub fn new(threads: usize) -> Result<CopyLimit, Box<dyn Error>> {
        Ok(CopyLimit {
            pool: rayon_pool(threads)?,
        })
    }
}

impl Engine for CopyLimit {
    fn load(
        &self,
        workload: &Workload,
        _: &Path,
        _: &[u8],
    ) -> Result<Box<dyn Loaded>, Box<dyn Error>> {
        // Half of the bytes read and the other half written.
        let len = workload.bytes()? / 2;
        Ok(Box::new(Buffers {
            threads: self.pool.current_num_threads(),
            from: (0..len).map(|i| i as u8).collect(),
            to: vec![1; len],
        }))
    }

    fn within(&self, serve: &mut (dyn FnMut() + Send)) {
        self.pool.install(serve);
    }
}

struct Buffers {
    threads: usize,
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Loaded for Buffers {
    fn call(&mut self) -> Result<(), Box<dyn Error>> {
        let Buffers { threads, from, to } = self;
        if *threads == 1 {
            to.copy_from_slice(black_box(from));
        } else {
            let part = from.len().div_ceil(*threads).max(1);
            let parts = to
                .par_chunks_mut(part)
                .zip(black_box(from).par_chunks(part));
            parts.for_each(|(to, from)| to.copy_from_slice(from));
        }
        black_box(to);
        Ok(())
    }

    fn answer(&mut self) -> Result<Vec<Output>, Box<dyn Error>> {
        Err("a copy has no answer".into())
    }
}
