//! Pictures as tensors: files are decoded, and their pixels prepared as networks were trained on them. All but [`Layout`]
//! needs the feature `image`.
//!
#![cfg_attr(feature = "image", doc = "```")]
#![cfg_attr(not(feature = "image"), doc = "```ignore")]
//! use linn::picture::Picture;
//! use linn::{DType, Dim};
//!
//! let bytes = std::fs::read("tests/data/pictures/rgb.jpg")?;
//! let picture = Picture::decode(&bytes, 64 << 20)?;
//! let dims = [1, 3, 224, 224].map(Dim::Known);
//! let preparation = picture.prepare(None, Some(&dims), DType::F32, None)?;
//! println!("{preparation}"); // what is done to it
//! let x = preparation.tensor()?;
//! assert_eq!(x.shape()[..], [1, 3, 224, 224]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "image")]
mod decode;
mod layout;
#[cfg(feature = "image")]
mod preparation;
#[cfg(feature = "image")]
mod recipe;
#[cfg(feature = "image")]
mod sizes;

#[cfg(feature = "image")]
pub use decode::Picture;
pub use layout::Layout;
#[cfg(feature = "image")]
pub use preparation::Preparation;
#[cfg(feature = "image")]
pub use recipe::Recipe;

/// Why a picture does not become a tensor. The text is one line, lower case, without a full stop.
#[cfg(feature = "image")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The bytes are no picture of a known format, or a broken one.
    #[error("{0}")]
    Broken(String),
    /// The picture, or what it becomes, takes more memory than is allowed.
    #[error("{0}")]
    Limit(String),
    /// The input is not one for a picture, or not one for this recipe.
    #[error("{0}")]
    Unfit(String),
}
