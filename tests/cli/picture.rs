//! Pictures as inputs: what becomes of their pixels, beside what Pillow makes of them.

use std::fs;

use linn::{DType, Tensor};
use ndarray::ArrayD;
use ndarray_npy::read_npy;

use crate::Files;
use crate::support::model::{Build, node};
use crate::support::numbers;
use crate::support::program::{Ran, linn, linn_fed};

fn picture(name: &str) -> String {
    format!("{}/tests/data/pictures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A model that gives back what it is given.
fn identity(dtype: DType, dims: &str) -> Vec<u8> {
    let build = Build::new(21).input("x", dtype, dims);
    let build = build.node(node("Identity", &["x"], &["y"]));
    build.output("y").bytes()
}

/// Gives a picture to a model with such an input.
fn ran(picture: &str, dtype: DType, dims: &str, args: &[&str]) -> (Ran, Option<Tensor>) {
    let files = Files::new();
    let (model, out) = (files.at("model.onnx"), files.at("y.pb"));
    fs::write(&model, identity(dtype, dims)).unwrap();
    let ran = linn(&[&["run", &model, "-i", picture, "-o", &out], args].concat());
    let tensor = fs::read(&out)
        .ok()
        .map(|bytes| linn::read_tensor(bytes).unwrap().1);
    (ran, tensor)
}

fn given(name: &str, dtype: DType, dims: &str, args: &[&str]) -> Tensor {
    let (ran, tensor) = ran(&picture(name), dtype, dims, args);
    ran.works();
    tensor.expect("it is written")
}

/// What Pillow makes of a picture: rows of pixels, of channels if there are three.
fn pillow(name: &str) -> ArrayD<f64> {
    let array: ArrayD<u8> = read_npy(picture(name)).unwrap();
    array.mapv(f64::from)
}

/// Channels first.
fn channels_first(array: ArrayD<f64>) -> Vec<f64> {
    array.permuted_axes(vec![2, 0, 1]).iter().copied().collect()
}

#[track_caller]
fn near(got: &Tensor, want: impl IntoIterator<Item = f64>, tolerance: f64) {
    let (got, want): (_, Vec<f64>) = (numbers(got), want.into_iter().collect());
    assert_eq!(got.len(), want.len());
    for (index, (got, want)) in got.iter().zip(&want).enumerate() {
        let off = (got - want).abs();
        assert!(off <= tolerance, "element {index}: got {got}, want {want}");
    }
}

const SCALE: [&str; 2] = ["--preprocess", "scale01"];
const RAW: [&str; 2] = ["--preprocess", "raw"];

#[test]
fn the_middle_of_a_picture_as_torchvision_takes_it() {
    let (ran, tensor) = ran(&picture("rgb.png"), DType::F32, "N,3,16,16", &[]);
    let tensor = tensor.expect("it is written");
    assert_eq!(tensor.to_string(), "f32[1,3,16,16]");
    let said = "rgb.png 60x45: resized to 24x18, cut to 16x16, RGB, scaled with the mean and deviation of ImageNet, \
                NCHW f32 (--preprocess changes it)\n";
    let stderr = ran.works().stderr;
    assert!(
        stderr.starts_with("note: ") && stderr.ends_with(said),
        "{stderr}"
    );

    let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let want = channels_first(pillow("rgb-cut-16x16.npy"));
    let want = want.iter().enumerate().map(|(index, x)| {
        let channel = index / 256;
        (x / 255.0 - mean[channel]) / deviation[channel]
    });
    near(&tensor, want, 1.01 / 255.0 / 0.224);
}

#[test]
fn caffe_takes_blue_first() {
    let args = ["--preprocess", "caffe"];
    let tensor = given("rgb.png", DType::F32, "1,3,16,16", &args);
    let mean = [103.939, 116.779, 123.68];
    let bgr = pillow("rgb-cut-16x16.npy");
    let bgr = bgr.slice(ndarray::s![.., .., ..;-1]).to_owned().into_dyn();
    let want = channels_first(bgr);
    let want = want.iter().enumerate();
    near(&tensor, want.map(|(index, x)| x - mean[index / 256]), 1.01);
}

#[test]
fn whole_pictures_are_made_smaller_and_larger() {
    for (dims, file) in [("1,12,20,3", "rgb-20x12.npy"), ("50,90,3", "rgb-90x50.npy")] {
        let want = pillow(file);
        let scaled = given("rgb.png", DType::F64, dims, &SCALE);
        near(&scaled, want.iter().map(|x| x / 255.0), 1.01 / 255.0);
        let args = ["--preprocess", "minus1to1"];
        let signed = given("rgb.png", DType::F32, dims, &args);
        near(&signed, want.iter().map(|x| x / 127.5 - 1.0), 1.01 / 127.5);
    }
}

#[test]
fn elements_are_of_the_type_of_the_input() {
    let exact = channels_first(pillow("jpg-60x45.npy"));
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let tensor = given("rgb.jpg", dtype, "1,3,45,60", &RAW);
        assert_eq!(tensor.to_string(), format!("{dtype}[1,3,45,60]"));
        // Decoders of JPEG differ a little, and bf16 has 8 bits.
        near(&tensor, exact.clone(), 3.0);
    }
    let bytes = given("rgb.jpg", DType::U8, "1,3,45,60", &[]);
    near(&bytes, exact.clone(), 3.0);
    let signed = given("rgb.jpg", DType::I8, "1,3,45,60", &[]);
    near(&signed, exact.iter().map(|x| x - 128.0), 3.0);
}

#[test]
fn every_format_gives_the_same_pixels() {
    let png = given("rgb.png", DType::U8, "1,3,H,W", &[]);
    assert_eq!(png.to_string(), "u8[1,3,45,60]");
    for name in ["rgb.bmp", "rgb.webp"] {
        assert_eq!(given(name, DType::U8, "1,3,H,W", &[]), png, "{name}");
    }
    // Turned as its EXIF data say, but compressed in other blocks.
    let straight = numbers(&given("rgb.jpg", DType::U8, "1,3,H,W", &[]));
    let (said, turned) = ran(&picture("turned.jpg"), DType::U8, "1,3,H,W", &[]);
    near(&turned.expect("it is written"), straight, 40.0);
    let stderr = said.works().stderr;
    assert!(
        stderr.contains("60x45: turned as its EXIF data say, RGB, 0..255, NCHW u8"),
        "{stderr}"
    );
}

#[test]
fn grey_wide_and_transparent_pictures() {
    let grey = given("grey.png", DType::U8, "1,1,H,W", &[]);
    assert_eq!(given("grey16.png", DType::U8, "1,1,H,W", &[]), grey);
    let colours = numbers(&given("rgb.png", DType::U8, "1,3,H,W", &[]));
    let (plane, alpha) = (45 * 60, given("alpha.png", DType::U8, "1,3,H,W", &[]));
    assert_eq!(numbers(&grey), colours[plane..2 * plane]);
    let want = colours
        .iter()
        .enumerate()
        .map(|(index, x)| match index % 60 / 20 {
            0 => *x,
            1 => (x * 128.0 + 255.0 * 127.0) / 255.0,
            _ => 255.0,
        });
    near(&alpha, want, 0.5);
    // Grey from colours, with one channel the recipe is scale01.
    let small = given("rgb.png", DType::F32, "1,1,12,20", &[]);
    near(
        &small,
        pillow("grey-20x12.npy").iter().map(|x| x / 255.0),
        1.01 / 255.0,
    );
    let (said, _) = ran(&picture("alpha.png"), DType::F32, "1,1,12,20", &[]);
    let part = "60x45: laid over white, resized to 20x12, grey, scaled to 0..1, NCHW f32";
    assert!(said.stderr.contains(part), "{}", said.stderr);
}

#[test]
fn sizes_that_the_model_leaves_open() {
    let shape = |args: &[&str]| given("rgb.png", DType::F32, "N,C,H,W", args).to_string();
    assert_eq!(shape(&[]), "f32[1,3,224,224]");
    assert_eq!(shape(&SCALE), "f32[1,3,45,60]");
    assert_eq!(shape(&["--shape", "1x3x9x12"]), "f32[1,3,9,12]");
    assert_eq!(shape(&["--shape", "1x9x12x3"]), "f32[1,9,12,3]");
    assert_eq!(
        shape(&["--dim", "W=30", "--preprocess", "raw"]),
        "f32[1,3,23,30]"
    );
    // The order of given arrays is no matter of pictures.
    assert_eq!(shape(&["--layout", "nhwc"]), "f32[1,3,224,224]");
}

#[test]
fn a_picture_may_come_from_stdin() {
    let files = Files::new();
    let model = files.at("model.onnx");
    fs::write(&model, identity(DType::U8, "1,3,H,W")).unwrap();
    for name in ["rgb.png", "rgb.jpg", "rgb.webp"] {
        let bytes = fs::read(picture(name)).unwrap();
        let ran = linn_fed(&["run", &model, "-i", "x=-"], &bytes).works();
        assert!(ran.text().starts_with("y  u8[1,3,45,60]"), "{name}");
    }
}

#[test]
fn inputs_that_are_not_for_pictures_are_refused() {
    let refused = |dtype, dims: &str, args: &[&str], with: &str| {
        ran(&picture("rgb.png"), dtype, dims, args).0.fails(5, with);
    };
    let f32 = DType::F32;
    refused(
        f32,
        "1,4,8,8",
        &[],
        "rgb.png: the input 'x' does not take this picture (a picture has 1 or 3 channels, first or last of its axes): \
         wanted f32[1,4,8,8], got a picture 60x45\n",
    );
    refused(
        f32,
        "1,3",
        &[],
        "a picture has rank 4, or 3 without a batch, not rank 2",
    );
    refused(f32, "2,3,8,8", &[], "a picture is a batch of 1, not of 2");
    refused(f32, "1,3,0,8", &[], "neither no pixels nor so many");
    refused(
        DType::I64,
        "1,3,8,8",
        &[],
        "a picture has no elements of type i64",
    );
    refused(
        DType::U8,
        "1,3,8,8",
        &SCALE,
        "scale01 gives no elements of type u8, raw does",
    );
    let caffe = ["--preprocess", "caffe"];
    refused(
        f32,
        "1,1,8,8",
        &caffe,
        "caffe is for three channels, not for one",
    );
    ran(
        &picture("rgb.png"),
        f32,
        "1,3,8,8",
        &["--preprocess", "torch"],
    )
    .0
    .fails_as_usage("imagenet, scale01, minus1to1, raw, caffe");
    linn(&["pool", "max", "-k", "2", "--input", &picture("rgb.png")])
        .fails(5, "only an input of a model takes one");
}

#[test]
fn broken_pictures_are_refused_by_name() {
    let files = Files::new();
    // What stands behind the last pixel: of PNG checksums and the chunk that ends it, of WebP bits that fill the last byte.
    for (name, rest) in [
        ("rgb.png", 24),
        ("rgb.jpg", 0),
        ("rgb.webp", 8),
        ("rgb.bmp", 0),
    ] {
        let whole = fs::read(picture(name)).unwrap();
        for part in [0, 1, 2, 12, 40, whole.len() / 2, whole.len() - rest - 1] {
            let file = files.at(name);
            fs::write(&file, &whole[..part]).unwrap();
            let (said, tensor) = ran(&file, DType::F32, "1,3,16,16", &[]);
            assert_eq!(said.code, Some(5), "{name} {part} {}", said.stderr);
            said.fails(5, &format!("{name}: "));
            assert_eq!(tensor, None);
        }
    }
    let file = files.at("text.jpg");
    fs::write(&file, "no picture").unwrap();
    let (said, _) = ran(&file, DType::F32, "1,3,16,16", &[]);
    said.fails(5, "text.jpg: not a PNG, JPEG, WebP or BMP picture\n");
    let (said, _) = ran(&files.at("none.png"), DType::F32, "1,3,16,16", &[]);
    said.fails(8, "none.png: ");
}

/// A file that says that it holds far more pixels than there is memory for.
#[test]
fn memory_is_not_taken_on_the_word_of_a_file() {
    let files = Files::new();
    let mut bytes = fs::read(picture("rgb.bmp")).unwrap();
    bytes[18..22].copy_from_slice(&30_000u32.to_le_bytes());
    bytes[22..26].copy_from_slice(&30_000u32.to_le_bytes());
    let file = files.at("huge.bmp");
    fs::write(&file, &bytes).unwrap();
    let (said, _) = ran(&file, DType::F32, "1,3,16,16", &["--max-memory", "64M"]);
    said.fails(
        7,
        "huge.bmp: the picture needs 6300000000 bytes, over the memory limit",
    );
    // What it would become counts too.
    let args = ["--max-memory", "64M", "--preprocess", "raw"];
    let (said, _) = ran(&picture("rgb.png"), DType::F32, "1,3,3000,3000", &args);
    said.fails(7, "over the memory limit");
}
