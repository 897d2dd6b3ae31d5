//! A picture as a network wants it: resized, cut, scaled, with its axes in order.

use std::borrow::Cow;
use std::fmt;

use crate::{DType, Dim, Element, Tensor};
use half::{bf16, f16};
use image::RgbImage;
use image::imageops::{FilterType, resize};

use super::decode::check_memory;
use super::sizes::sizes;
use super::{Layout, Picture, PictureError, Recipe};

/// What is done to a picture to make it the input of a model. It is shown as
/// `640x480: resized to 341x256, cut to 224x224, RGB, scaled with the mean and deviation of ImageNet, NCHW f32`.
#[derive(Clone)]
pub struct Preparation<'p> {
    picture: &'p Picture,
    recipe: Recipe,
    /// Width and height after resizing, and of what is then cut out.
    resized: [u32; 2],
    cut: [u32; 2],
    is_grey: bool,
    layout: Layout,
    dtype: DType,
    rank: usize,
}

impl Picture {
    /// How this picture becomes an input of type `dtype` with dimensions `dims`, `None` if not even their number is
    /// known, in the order `layout` or else in the one that the channels tell.
    ///
    /// An input has rank 4, or 3 without an axis of the batch; one channel (then the picture becomes grey) or three;
    /// and a batch of 1. Sizes that `dims` leave open are 224 for a recipe that cuts, else those of the picture.
    /// Without a `recipe` it is [`Recipe::ImageNet`], [`Recipe::Scale01`] for one channel, and [`Recipe::Raw`] for
    /// elements of 8 bits.
    ///
    /// # Errors
    /// The input is not one for a picture, or not one for the recipe.
    pub fn prepare(
        &self,
        recipe: Option<Recipe>,
        dims: Option<&[Dim]>,
        dtype: DType,
        layout: Option<Layout>,
    ) -> Result<Preparation<'_>, PictureError> {
        const OPEN: [Dim; 4] = [const { Dim::Unknown }; 4];
        let dims = dims.unwrap_or(&OPEN);
        let rank = dims.len();
        if !matches!(rank, 3 | 4) {
            return unfit(format!(
                "a picture has rank 4, or 3 without a batch, not rank {rank}"
            ));
        }
        let Some(layout) = layout.or_else(|| Layout::of(dims)) else {
            return unfit("a picture has 1 or 3 channels, first or last of its axes");
        };
        let [channels, height, width] = layout.axes(rank);
        let is_grey = match known(&dims[channels]) {
            Some(1) => true,
            None | Some(3) => false,
            Some(count) => return unfit(format!("a picture has 1 or 3 channels, not {count}")),
        };
        if let (4, Some(count)) = (rank, known(&dims[0]))
            && count != 1
        {
            return unfit(format!("a picture is a batch of 1, not of {count}"));
        }
        let is_byte = dtype.is_byte();
        let recipe = recipe.unwrap_or(match (is_byte, is_grey) {
            (true, _) => Recipe::Raw,
            (false, true) => Recipe::Scale01,
            (false, false) => Recipe::ImageNet,
        });
        if is_byte && recipe != Recipe::Raw {
            return unfit(format!(
                "{recipe} gives no elements of type {dtype}, raw does"
            ));
        }
        if is_grey && recipe.needs_colours() {
            return unfit(format!("{recipe} is for three channels, not for one"));
        }
        if !is_byte && !matches!(dtype, DType::F32 | DType::F64 | DType::F16 | DType::BF16) {
            return unfit(format!("a picture has no elements of type {dtype}"));
        }
        let own = [self.width(), self.height()];
        let wanted = [size(&dims[width])?, size(&dims[height])?];
        let (resized, cut) = sizes(own, wanted, recipe.cuts())?;
        Ok(Preparation {
            picture: self,
            recipe,
            resized,
            cut,
            is_grey,
            layout,
            dtype,
            rank,
        })
    }
}

fn unfit<T>(reason: impl Into<String>) -> Result<T, PictureError> {
    Err(PictureError::Unfit(reason.into()))
}

fn known(dim: &Dim) -> Option<usize> {
    match dim {
        Dim::Known(size) => Some(*size),
        Dim::Symbol(_) | Dim::Unknown => None,
    }
}

/// The size that a dimension has, if it has one.
fn size(dim: &Dim) -> Result<Option<u32>, PictureError> {
    match known(dim).map(u32::try_from) {
        None => Ok(None),
        Some(Ok(size)) if size > 0 => Ok(Some(size)),
        Some(_) => unfit("a picture has neither no pixels nor so many"),
    }
}

impl Preparation<'_> {
    /// The picture as a tensor.
    ///
    /// # Errors
    /// It needs more memory than is allowed.
    pub fn tensor(&self) -> Result<Tensor, PictureError> {
        let product = |[width, height]: [u32; 2]| u64::from(width) * u64::from(height);
        let channels = match self.is_grey {
            true => 1,
            false => 3,
        };
        // Resizing goes by way of four floats a pixel of the new height and the old width.
        let between = product([self.picture.width(), self.resized[1]]).saturating_mul(16);
        let elements = product(self.cut).saturating_mul(channels * self.dtype.bytes() as u64);
        let bytes = between
            .saturating_add(product(self.resized).saturating_mul(3))
            .saturating_add(elements);
        check_memory(bytes, self.picture.memory_limit)?;

        let pixels = self.resized_pixels();
        match self.dtype {
            DType::F64 => self.elements(&pixels, f64::from),
            DType::F16 => self.elements(&pixels, f16::from_f32),
            DType::BF16 => self.elements(&pixels, bf16::from_f32),
            DType::U8 => self.elements(&pixels, |x| x as u8),
            DType::I8 => self.elements(&pixels, |x| (x - 128.0) as i8),
            _ => self.elements(&pixels, |x| x),
        }
    }

    fn resized_pixels(&self) -> Cow<'_, RgbImage> {
        let pixels = &self.picture.pixels;
        let [width, height] = self.resized;
        match pixels.dimensions() == (width, height) {
            true => Cow::Borrowed(pixels),
            // Bilinear; made smaller, each pixel is the weighted mean of all that it covers.
            false => Cow::Owned(resize(pixels, width, height, FilterType::Triangle)),
        }
    }

    /// The middle of the picture, with `element` of the numbers that the recipe gives.
    fn elements<T: Element + Copy>(
        &self,
        pixels: &RgbImage,
        element: impl Fn(f32) -> T,
    ) -> Result<Tensor, PictureError> {
        let tables: [[T; 256]; 3] = std::array::from_fn(|channel| {
            std::array::from_fn(|x| element(self.recipe.value(channel, x as u8)))
        });
        let [width, height] = self.cut.map(|size| size as usize);
        // Halves go to the even number, as in torchvision.
        let start = |axis: usize| {
            let rest = f64::from(self.resized[axis] - self.cut[axis]);
            (rest / 2.0).round_ties_even() as usize
        };
        let row_bytes = 3 * self.resized[0] as usize;
        let rows = pixels.as_raw().chunks_exact(row_bytes);
        let rows = rows.skip(start(1)).take(height);
        let rows = rows.map(|row| &row[3 * start(0)..][..3 * width]);
        let colours: &[usize] = match (self.is_grey, self.recipe.is_bgr()) {
            (true, _) => &[0],
            (false, true) => &[2, 1, 0],
            (false, false) => &[0, 1, 2],
        };
        let byte = |pixel: &[u8], colour: usize| match self.is_grey {
            true => luma(pixel),
            false => pixel[colour],
        };
        let mut data = Vec::with_capacity(width * height * colours.len());
        match self.layout {
            Layout::Nchw => {
                for (channel, &colour) in colours.iter().enumerate() {
                    for pixel in rows.clone().flat_map(|row| row.chunks_exact(3)) {
                        data.push(tables[channel][usize::from(byte(pixel, colour))]);
                    }
                }
            }
            Layout::Nhwc => {
                for pixel in rows.flat_map(|row| row.chunks_exact(3)) {
                    for (channel, &colour) in colours.iter().enumerate() {
                        data.push(tables[channel][usize::from(byte(pixel, colour))]);
                    }
                }
            }
        }
        let mut shape = vec![1; self.rank];
        for (axis, size) in
            self.layout
                .axes(self.rank)
                .into_iter()
                .zip([colours.len(), height, width])
        {
            shape[axis] = size;
        }
        Tensor::new(&shape, data).map_err(|error| PictureError::Limit(error.to_string()))
    }
}

/// How bright a pixel is, by the weights of ITU-R BT.601 that Pillow uses too.
fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16) as u8
}

impl fmt::Display for Preparation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |[width, height]: [u32; 2]| format!("{width}x{height}");
        let own = [self.picture.width(), self.picture.height()];
        let mut steps = Vec::new();
        if self.picture.is_turned {
            steps.push("turned as its EXIF data say".to_string());
        }
        if self.picture.is_transparent {
            steps.push("laid over white".to_string());
        }
        if self.resized != own {
            steps.push(format!("resized to {}", size(self.resized)));
        }
        if self.cut != self.resized {
            steps.push(format!("cut to {}", size(self.cut)));
        }
        let colours = match (self.is_grey, self.recipe.is_bgr()) {
            (true, _) => "grey",
            (false, true) => "BGR",
            (false, false) => "RGB",
        };
        steps.push(colours.to_string());
        steps.push(match self.dtype {
            DType::I8 => "-128..127".to_string(),
            _ => self.recipe.describe().to_string(),
        });
        steps.push(format!("{} {}", self.layout, self.dtype));
        write!(f, "{}: {}", size(own), steps.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_is_that_of_pillow() {
        // Image.new("RGB", (1, 1), colour).convert("L")
        for (pixel, grey) in [
            ([255, 0, 0], 76),
            ([0, 255, 0], 150),
            ([0, 0, 255], 29),
            ([12, 200, 99], 132),
            ([77, 77, 77], 77),
        ] {
            assert_eq!(luma(&pixel), grey, "{pixel:?}");
        }
    }
}
