//! How large a picture is made, and what is cut out of it.

use super::PictureError;

/// What a picture of size `own` is resized to, and what is then cut out, for the size `wanted`: widths and heights.
pub(super) fn sizes(
    own: [u32; 2],
    wanted: [Option<u32>; 2],
    cuts: bool,
) -> Result<([u32; 2], [u32; 2]), PictureError> {
    let [own_width, own_height] = own.map(u64::from);
    let narrow = |size: u64| {
        let too_large = || PictureError::Limit("the picture would become too large".to_string());
        u32::try_from(size.max(1)).map_err(|_| too_large())
    };
    if !cuts {
        let rounded = |size: u64, times: u64, by: u64| narrow((size * times + by / 2) / by);
        let to = match wanted {
            [None, None] => own,
            [Some(width), Some(height)] => [width, height],
            [Some(width), None] => [width, rounded(own_height, width.into(), own_width)?],
            [None, Some(height)] => [rounded(own_width, height.into(), own_height)?, height],
        };
        return Ok((to, to));
    }
    let cut = wanted.map(|size| size.unwrap_or(224));
    // 256 pixels where 224 are cut out. The side that is not exact is rounded down, as torchvision does.
    let [width, height] = cut.map(|size| u64::from(size) * 8 / 7);
    let resized = match width * own_height >= height * own_width {
        true => [width, own_height * width / own_width],
        false => [own_width * height / own_height, height],
    };
    Ok(([narrow(resized[0])?, narrow(resized[1])?], cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_cut_out_of_a_picture_with_a_short_side_of_8_sevenths() {
        let open = [None, None];
        let of = |own, wanted: [Option<u32>; 2]| sizes(own, wanted, true).unwrap();
        assert_eq!(of([640, 480], open), ([341, 256], [224, 224]));
        assert_eq!(of([480, 640], open), ([256, 341], [224, 224]));
        assert_eq!(
            of([640, 480], [Some(299), Some(299)]),
            ([454, 341], [299, 299])
        );
        assert_eq!(of([100, 100], [Some(70), Some(35)]), ([80, 80], [70, 35]));
        assert_eq!(of([7, 7], [Some(1), Some(1)]), ([1, 1], [1, 1]));
        assert!(sizes([1, u32::MAX], open, true).is_err());
    }

    #[test]
    fn the_whole_is_resized_and_an_open_side_follows() {
        let of = |wanted: [Option<u32>; 2]| sizes([640, 480], wanted, false).unwrap().0;
        assert_eq!(of([None, None]), [640, 480]);
        assert_eq!(of([Some(32), Some(32)]), [32, 32]);
        assert_eq!(of([Some(32), None]), [32, 24]);
        assert_eq!(of([None, Some(31)]), [41, 31]);
    }
}
