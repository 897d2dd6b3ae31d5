//! Pictures among the sources.

use bytes::Bytes;
use linn::Tensor;

use super::{FileSource, Wanted};
use crate::cli::Failure;
use crate::cli::inputs::Fitting;

/// The bytes of a picture, which become a tensor only for an input.
pub(in crate::cli) struct Pixels {
    file: FileSource,
    #[cfg(feature = "image")]
    bytes: Bytes,
}

impl Pixels {
    pub(super) fn new(
        file: FileSource,
        #[cfg_attr(not(feature = "image"), expect(unused_variables))] bytes: Bytes,
    ) -> Pixels {
        Pixels {
            file,
            #[cfg(feature = "image")]
            bytes,
        }
    }

    /// The failure where tensors alone are of use.
    pub(in crate::cli) fn refused(&self) -> Failure {
        self.file
            .broken("a picture is no tensor; only an input of a model takes one")
    }

    /// The tensor that an input takes, of at most `limit` bytes; says what was done to the picture.
    #[cfg(feature = "image")]
    pub(super) fn tensor(
        &self,
        wanted: Wanted<'_>,
        fitting: &Fitting,
        limit: usize,
    ) -> Result<Tensor, Failure> {
        use crate::cli::note;
        use linn::picture::Picture;

        let failure = |got: &str, error| self.failure(wanted, got, error);
        let picture =
            Picture::decode(&self.bytes, limit).map_err(|error| failure("a picture", error))?;
        let got = format!("a picture {}x{}", picture.width(), picture.height());
        let preparation = picture
            .prepare(fitting.preprocess, wanted.dims, wanted.dtype, None)
            .map_err(|error| failure(&got, error))?;
        let tensor = preparation.tensor().map_err(|error| failure(&got, error))?;
        note(format!(
            "{} {preparation} (--preprocess changes it)",
            self.file.shown()
        ));
        Ok(tensor)
    }

    #[cfg(feature = "image")]
    fn failure(
        &self,
        wanted: Wanted<'_>,
        got: &str,
        error: linn::picture::PictureError,
    ) -> Failure {
        use crate::cli::inputs::Misfit;
        use linn::picture::PictureError;

        match error {
            PictureError::Limit(reason) => Failure::Linn {
                file: Some(self.file.shown()),
                error: super::memory_limit(reason),
            },
            PictureError::Unfit(reason) => Failure::Misfit(Box::new(Misfit {
                file: Some(self.file.shown()),
                input: wanted.name.to_string(),
                reason: format!("does not take this picture ({reason})"),
                want: wanted.to_string(),
                got: got.to_string(),
            })),
            error => self.file.broken(linn::text::Plain(&error.to_string())),
        }
    }

    /// Refuses the picture.
    #[cfg(not(feature = "image"))]
    pub(super) fn tensor(&self, _: Wanted<'_>, _: &Fitting, _: usize) -> Result<Tensor, Failure> {
        Err(Failure::Unsupported(format!(
            "{}: pictures need the feature `image`, without which this linn was built",
            self.file.shown()
        )))
    }
}

/// Whether a file begins as a PNG, JPEG or WebP picture does. A tensor may well begin with the two letters of BMP.
pub(super) fn is_picture(bytes: &[u8]) -> bool {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    bytes.starts_with(b"\x89PNG\r\n") || bytes.starts_with(b"\xff\xd8\xff") || is_webp
}
