//! How networks want their pixels: which part of a picture, in which order of colours, on which scale.

use std::fmt;
use std::str::FromStr;

/// What is done to the pixels of a picture before a network sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recipe {
    /// As torchvision prepares ImageNet: the short side is resized to 8/7 of what is wanted, the middle is cut out,
    /// and (x / 255 - mean) / deviation is taken of red, green and blue.
    ImageNet,
    /// The whole picture resized to what is wanted; x / 255.
    Scale01,
    /// The whole picture resized to what is wanted; x / 127.5 - 1.
    Minus1To1,
    /// The whole picture resized to what is wanted; x, from 0 to 255.
    Raw,
    /// As Caffe prepares ImageNet: resized and cut as by [`Recipe::ImageNet`]; x - mean of blue, green and red.
    Caffe,
}

impl Recipe {
    /// Every recipe.
    pub const ALL: [Recipe; 5] = [
        Recipe::ImageNet,
        Recipe::Scale01,
        Recipe::Minus1To1,
        Recipe::Raw,
        Recipe::Caffe,
    ];

    /// The name that options use: `imagenet`, `scale01` ...
    pub const fn name(self) -> &'static str {
        match self {
            Recipe::ImageNet => "imagenet",
            Recipe::Scale01 => "scale01",
            Recipe::Minus1To1 => "minus1to1",
            Recipe::Raw => "raw",
            Recipe::Caffe => "caffe",
        }
    }

    /// What is done to the numbers, in words.
    pub const fn describe(self) -> &'static str {
        match self {
            Recipe::ImageNet => "scaled with the mean and deviation of ImageNet",
            Recipe::Scale01 => "scaled to 0..1",
            Recipe::Minus1To1 => "scaled to -1..1",
            Recipe::Raw => "0..255",
            Recipe::Caffe => "0..255 less the mean of ImageNet",
        }
    }

    /// Whether the middle of the picture is taken, and not the whole.
    pub(super) const fn cuts(self) -> bool {
        matches!(self, Recipe::ImageNet | Recipe::Caffe)
    }

    /// Whether blue comes first.
    pub(super) const fn is_bgr(self) -> bool {
        matches!(self, Recipe::Caffe)
    }

    /// Whether the numbers are those of three colours, and there are none for grey.
    pub(super) const fn needs_colours(self) -> bool {
        matches!(self, Recipe::ImageNet | Recipe::Caffe)
    }

    /// What stands for the byte `x` of a channel, counted from 0 as the network sees them.
    pub(super) fn value(self, channel: usize, x: u8) -> f32 {
        /// Of red, green and blue, on a scale from 0 to 1: `torchvision.transforms.Normalize` of its models.
        const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
        const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
        /// Of blue, green and red, on a scale from 0 to 255: the pixel of the VGG networks in Caffe's model zoo.
        const CAFFE_MEAN: [f32; 3] = [103.939, 116.779, 123.68];
        let x = f32::from(x);
        match self {
            Recipe::ImageNet => (x / 255.0 - MEAN[channel]) / DEVIATION[channel],
            Recipe::Scale01 => x / 255.0,
            Recipe::Minus1To1 => x / 127.5 - 1.0,
            Recipe::Raw => x,
            Recipe::Caffe => x - CAFFE_MEAN[channel],
        }
    }
}

impl FromStr for Recipe {
    type Err = String;

    fn from_str(name: &str) -> Result<Recipe, String> {
        let mut all = Recipe::ALL.into_iter();
        all.find(|recipe| recipe.name() == name).ok_or_else(|| {
            let names = Recipe::ALL.map(Recipe::name);
            format!("must be one of {}", names.join(", "))
        })
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_shown() {
        for recipe in Recipe::ALL {
            assert_eq!(recipe.to_string().parse(), Ok(recipe));
        }
        assert!("torch".parse::<Recipe>().is_err());
    }

    #[test]
    fn bytes_become_numbers() {
        assert_eq!(Recipe::Scale01.value(1, 255), 1.0);
        assert_eq!(Recipe::Minus1To1.value(0, 0), -1.0);
        assert_eq!(Recipe::Minus1To1.value(0, 255), 1.0);
        assert_eq!(Recipe::Raw.value(2, 77), 77.0);
        assert_eq!(Recipe::Caffe.value(2, 124), 124.0 - 123.68);
        // numpy: (np.float32(0) - mean) / deviation, and the same of 255.
        assert_eq!(Recipe::ImageNet.value(0, 0), -2.117_904);
        assert_eq!(Recipe::ImageNet.value(2, 255), 2.64);
    }
}
