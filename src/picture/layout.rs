//! The order of the axes of pictures.

use std::fmt;
use std::str::FromStr;

use crate::Dim;

/// The order of the axes of pictures. In front of them there may be an axis of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Channels, height, width.
    Nchw,
    /// Height, width, channels.
    Nhwc,
}

impl Layout {
    /// Both orders.
    pub const ALL: [Layout; 2] = [Layout::Nchw, Layout::Nhwc];

    /// The name that options use: `nchw`, `nhwc`.
    pub const fn name(self) -> &'static str {
        match self {
            Layout::Nchw => "nchw",
            Layout::Nhwc => "nhwc",
        }
    }

    /// The axes of the channels, the height and the width in a shape of `rank` 3 or 4.
    pub const fn axes(self, rank: usize) -> [usize; 3] {
        match self {
            Layout::Nchw => [rank - 3, rank - 2, rank - 1],
            Layout::Nhwc => [rank - 1, rank - 3, rank - 2],
        }
    }

    /// The order that an input with dimensions `dims` has: three channels tell it, then one; in doubt channels come
    /// first. `None` if the rank is not 3 or 4, or if no axis can be that of the channels of a picture.
    pub fn of(dims: &[Dim]) -> Option<Layout> {
        if !matches!(dims.len(), 3 | 4) {
            return None;
        }
        let likelihood = |layout: &Layout| match dims[layout.axes(dims.len())[0]] {
            Dim::Known(3) => 3,
            Dim::Known(1) => 2,
            Dim::Known(_) => 0,
            Dim::Symbol(_) | Dim::Unknown => 1,
        };
        // Of those that are equal, max_by_key takes the last one.
        let layouts = [Layout::Nhwc, Layout::Nchw].into_iter();
        layouts
            .filter(|layout| likelihood(layout) > 0)
            .max_by_key(likelihood)
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(name: &str) -> Result<Layout, String> {
        Layout::ALL
            .into_iter()
            .find(|layout| layout.name() == name)
            .ok_or_else(|| "must be nchw or nhwc".to_string())
    }
}

/// `NCHW` or `NHWC`, as people write them.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().to_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_tell_the_order() {
        let dim = |text: &str| match (text, text.parse()) {
            ("?", _) => Dim::Unknown,
            (_, Ok(size)) => Dim::Known(size),
            (name, _) => Dim::Symbol(name.to_string()),
        };
        let of = |text: &str| Layout::of(&text.split(' ').map(dim).collect::<Vec<_>>());
        assert_eq!(of("1 3 224 224"), Some(Layout::Nchw));
        assert_eq!(of("N 224 224 3"), Some(Layout::Nhwc));
        assert_eq!(of("1 1 28 28"), Some(Layout::Nchw));
        assert_eq!(of("28 28 1"), Some(Layout::Nhwc));
        assert_eq!(of("3 H W"), Some(Layout::Nchw));
        assert_eq!(of("N ? ? ?"), Some(Layout::Nchw));
        assert_eq!(of("1 ? ? 3"), Some(Layout::Nhwc));
        assert_eq!(of("1 3 3 3"), Some(Layout::Nchw));
        assert_eq!(of("1 4 64 64"), None);
        assert_eq!(of("1 3"), None);
    }

    #[test]
    fn names_are_read_and_shown() {
        for layout in Layout::ALL {
            assert_eq!(layout.name().parse(), Ok(layout));
        }
        assert_eq!(Layout::Nhwc.to_string(), "NHWC");
        assert!("hwc".parse::<Layout>().is_err());
    }
}
