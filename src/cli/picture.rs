//! Pictures as tensors: files are decoded, and their pixels prepared as networks were trained on them.

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
pub(crate) use decode::Picture;
pub(crate) use layout::Layout;
#[cfg(feature = "image")]
pub(crate) use recipe::Recipe;

/// Why a picture does not become a tensor. The text is one line, lower case, without a full stop.
#[cfg(feature = "image")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PictureError {
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
