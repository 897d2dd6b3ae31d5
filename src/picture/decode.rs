//! The pixels of a file.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage,
    metadata::Orientation,
};

use super::PictureError;
use crate::error::Plain;

/// A picture of red, green and blue bytes, the way up that its EXIF data say.
///
/// Pictures of 16 bits a channel are rounded to 8, grey becomes equal parts of the colours, and what is transparent is
/// laid over white. Profiles of colours are not looked at.
pub struct Picture {
    pub(super) pixels: RgbImage,
    /// Whether it was turned or mirrored as its EXIF data say.
    pub(super) is_turned: bool,
    /// Whether something in it was transparent.
    pub(super) is_transparent: bool,
    /// The most bytes that working on it may take.
    pub(super) memory_limit: usize,
}

/// The formats whose files are read.
const FORMATS: [ImageFormat; 4] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::WebP,
    ImageFormat::Bmp,
];

impl Picture {
    /// Decodes a PNG, JPEG, WebP or BMP file; of an animation, the first picture. Neither decoding nor what is made of
    /// the picture may take more than `memory_limit` bytes at once.
    ///
    /// # Errors
    /// The bytes are no such file, or a broken or shortened one; or the limit is too low for it.
    pub fn decode(bytes: &[u8], memory_limit: usize) -> Result<Picture, PictureError> {
        let unknown = || PictureError::Broken("not a PNG, JPEG, WebP or BMP picture".to_string());
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| failure(error.into()))?;
        let format = reader.format().ok_or_else(unknown)?;
        if !FORMATS.contains(&format) {
            return Err(unknown());
        }
        if format == ImageFormat::Jpeg && !has_end(bytes) {
            // The decoder would fill the rest with grey.
            let reason = "the JPEG picture has no end: the file was shortened";
            return Err(PictureError::Broken(reason.to_string()));
        }
        let limit = u64::try_from(memory_limit).unwrap_or(u64::MAX);
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(limit);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(failure)?;
        let (width, height) = decoder.dimensions();
        if width == 0 || height == 0 {
            return Err(PictureError::Broken("the picture is empty".to_string()));
        }
        // The bytes as they are decoded, and four a pixel of what they are turned into.
        let pixels = u64::from(width) * u64::from(height);
        check_memory(
            decoder.total_bytes().saturating_add(4 * pixels),
            memory_limit,
        )?;
        // EXIF data that cannot be read turn nothing.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(failure)?;
        image.apply_orientation(orientation);
        let (pixels, is_transparent) = match image.color().has_alpha() {
            true => over_white(&image.into_rgba8()),
            false => (image.into_rgb8(), false),
        };
        Ok(Picture {
            pixels,
            is_turned: orientation != Orientation::NoTransforms,
            is_transparent,
            memory_limit,
        })
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Rows of pixels.
    pub fn height(&self) -> u32 {
        self.pixels.height()
    }
}

/// Refuses what needs more bytes than the limit allows.
pub(super) fn check_memory(bytes: u64, limit: usize) -> Result<(), PictureError> {
    match bytes <= limit as u64 {
        true => Ok(()),
        false => Err(PictureError::Limit(format!(
            "the picture needs {bytes} bytes, over the memory limit of {limit} bytes"
        ))),
    }
}

fn failure(error: ImageError) -> PictureError {
    // Some decoders end their sentence with a line break.
    let text = error.to_string();
    let text = Plain(text.trim_end()).to_string();
    match error {
        ImageError::Limits(_) => PictureError::Limit(text),
        _ => PictureError::Broken(text),
    }
}

/// The picture on a white ground, and whether that is seen anywhere.
fn over_white(image: &RgbaImage) -> (RgbImage, bool) {
    let mut is_transparent = false;
    let mut pixels = RgbImage::new(image.width(), image.height());
    for (to, from) in pixels.pixels_mut().zip(image.pixels()) {
        let [red, green, blue, alpha] = from.0;
        is_transparent |= alpha < 255;
        let alpha = u32::from(alpha);
        to.0 = [red, green, blue].map(|x| {
            let sum = u32::from(x) * alpha + 255 * (255 - alpha);
            ((sum + 127) / 255) as u8
        });
    }
    (pixels, is_transparent)
}

/// Whether the marker that ends a JPEG file is there.
fn has_end(bytes: &[u8]) -> bool {
    // Behind the marker that begins it.
    let mut at = 2;
    while let Some(&[first, marker]) = bytes.get(at..at + 2) {
        at += match (first, marker) {
            (0xff, 0xd9) => return true,
            // Coded pixels: FF stands for itself before a 0, and restart markers lie among them. FF also fills.
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => 2,
            (0xff, 0xff) => 1,
            // A segment, with its length in front.
            (0xff, _) => match bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => return false,
            },
            _ => 1,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_transparent_lies_on_white() {
        let image = RgbaImage::from_raw(2, 1, vec![10, 20, 30, 255, 0, 100, 255, 51]).unwrap();
        let (pixels, is_transparent) = over_white(&image);
        assert_eq!(pixels.as_raw(), &[10, 20, 30, 204, 224, 255]);
        assert!(is_transparent);
    }

    #[test]
    fn a_jpeg_ends_with_its_marker_and_not_with_that_of_a_thumbnail() {
        let thumbnail = [0xff, 0xe1, 0, 4, 0xff, 0xd9];
        let scan = [0xff, 0xda, 0, 3, 1, 7, 0xff, 0, 0xff, 0xd0, 9];
        let start = [&[0xff, 0xd8], &thumbnail[..], &scan[..]].concat();
        assert!(!has_end(&start));
        assert!(has_end(&[&start[..], &[0xff, 0xd9]].concat()));
        assert!(!has_end(&[0xff, 0xd8]));
        assert!(!has_end(&[0xff, 0xd8, 0xff, 0xe0, 0xff]));
    }
}
