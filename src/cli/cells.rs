//! How wide texts are on a terminal and in a monospaced font.

/// What stands where a text was cut.
const ELLIPSIS: char = '…';

/// The cells that a character takes: two for those of East Asia and for pictures, none for what is put upon another.
fn cells_of(character: char) -> usize {
    match character as u32 {
        0x0300..=0x036f
        | 0x0483..=0x0489
        | 0x0591..=0x05bd
        | 0x0610..=0x061a
        | 0x064b..=0x065f
        | 0x1ab0..=0x1aff
        | 0x1dc0..=0x1dff
        | 0x200b..=0x200f
        | 0x20d0..=0x20ff
        | 0x3099..=0x309a
        | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xa960..=0xa97f
        | 0xac00..=0xd7ff
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f000..=0x1faff
        | 0x20000..=0x3ffff => 2,
        _ => 1,
    }
}

/// The cells that a text takes.
pub(super) fn cells(text: &str) -> usize {
    text.chars().map(cells_of).sum()
}

/// The start of a text, in at most `width` cells.
pub(super) fn start(text: &str, width: usize) -> String {
    match cells(text) <= width {
        true => text.to_string(),
        false if width == 0 => String::new(),
        false => kept(text.chars(), width)
            .into_iter()
            .chain([ELLIPSIS])
            .collect(),
    }
}

/// The end of a text, which tells a name from others, in at most `width` cells.
pub(super) fn end(text: &str, width: usize) -> String {
    match cells(text) <= width {
        true => text.to_string(),
        false if width == 0 => String::new(),
        false => {
            let kept = kept(text.chars().rev(), width);
            [ELLIPSIS]
                .into_iter()
                .chain(kept.into_iter().rev())
                .collect()
        }
    }
}

/// The first characters that leave a cell of `width` for the ellipsis.
fn kept(characters: impl Iterator<Item = char>, width: usize) -> Vec<char> {
    let mut left = width - 1;
    let fitting = characters.take_while(|character| {
        let fits = cells_of(*character) <= left;
        left -= cells_of(*character).min(left);
        fits
    });
    fitting.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_either_end_to_their_cells() {
        assert_eq!(start("convolution", 11), "convolution");
        assert_eq!(start("convolution", 5), "conv…");
        assert_eq!(end("convolution", 5), "…tion");
        assert_eq!(
            (start("a", 0), end("ab", 1)),
            (String::new(), "…".to_string())
        );
        assert_eq!(cells("卷积"), 4);
        assert_eq!(
            (start("卷积x", 4), end("x卷积", 4)),
            ("卷…".to_string(), "…积".to_string())
        );
    }
}
