//! What `linn run --help` says below the options. Lines have at most 98 columns: longer ones would be broken.

pub(super) const EXAMPLES: &str = "\
Examples:
  linn run model.onnx                                 with random inputs
  linn run model.onnx -i x.npy -o y.npy               from numpy and back
  linn run model.onnx -i '[1,2;3,4]'                  with values
  linn run model.onnx -i a=x.npz:a -i b=rand:-1,1     inputs by name
  linn run model.onnx -i cat.jpg --labels names.txt   what is in a picture
  linn run model.onnx --data test_data_set_0 --expect stored inputs and outputs
  linn run model.onnx -i x.npy -o pool1=-             any value of the graph, as JSON
  linn run model.onnx -i x.npy -o out/                every output, as out/NAME.npy
  linn run model.onnx --profile=node                  which nodes take the time";

pub(super) const LONG: &str = "\
Sources:
  FILE.npy, FILE.npz[:KEY]  arrays of numpy; without KEY the only array, or each array for the
                            input that it is named after (arr_0, arr_1 ... in order)
  FILE.pb                   a TensorProto, as in the ONNX test data
  FILE.png, .jpg, .webp, .bmp
                            a picture, for an input with 1 or 3 channels: see the recipes below
  -                         any of these but .bmp from stdin
  rand[:LOW,HIGH]           random: floats from 0 to 1, integers from 0 to 9, booleans; or from
                            LOW to HIGH
  zeros, ones, iota         all 0, all 1, or 0, 1, 2 ... in C order
  '[1,2;3,4]', 5            values: commas between elements, semicolons between rows, or nested
                            brackets; axes of size 1 are put in front up to the rank of the input
  Files keep their element type unless --cast is given. Dimensions of a generated input that the
  model leaves open become 1, or what --shape or --dim says.

Recipes of --preprocess:
  imagenet                  the short side resized to 8/7 of what the input wants (256 for 224),
                            the middle cut out, (x / 255 - mean) / deviation of red, green, blue
  caffe                     resized and cut likewise; x - mean of blue, green, red
  scale01, minus1to1, raw   the whole picture resized to what the input wants; x / 255,
                            x / 127.5 - 1, or x
  Resizing is bilinear, over all pixels that a smaller one covers. Sizes that the model leaves open
  are 224 for imagenet and caffe, else those of the picture. Pictures stand as their EXIF data say,
  on white where they are transparent; for one channel they become grey. Elements of type i8 are
  those of u8 less 128.

Sinks:
  FILE.npy, FILE.pb         one tensor
  FILE.json, -              one tensor as a document linn.tensor/1, in a file or on stdout
  FILE.npz                  all outputs, or one value
  FOLDER/                   all outputs as FOLDER/NAME.npy, with _ for unusual characters of NAME
  Files appear when everything has worked, each as a whole. With --save-all they appear one after
  another, strings as NAME.pb; of names that would be the same file, later ones end in -2, -3 ...
  The index, a document linn.values/1, has for each value name, file, dtype, shape.

Scores: --top takes outputs of shape [C], or [N,C] with axes of size 1 anywhere behind N. A label
  file has a name a line, or a JSON list of names, or an object of names by number, also one with
  such an object as id2label. --softmax auto takes floats for probabilities if they are from 0 to
  1 and have the sum 1.

Profiles: the first run of the program, so with what it does once; `linn bench --profile` shows the
  usual one. Nodes are those that run: with --opt all, one may do the work of several in the file,
  unless -o asks for a value inside the graph. A node with graphs in it counts as one. Shares are
  those of the time in nodes; bytes are read and written, MACs counted as by `linn inspect`. The
  document has a key profile: runs, total_s, nodes_s, by, groups, nodes.

The document linn.run/1 has the keys linn, model, outputs (name, dtype, shape, min, mean, max, nan,
  inf; data where they are few; with --top: softmax, and top: for each row a list of class, score,
  label), profile, and with --expect: expected (name, agrees, detail, rtol, atol). For failures see
  `linn --help`, for types docs/json.md.

Exit codes: 0 done, 1 not as expected, 2 wrong usage, 3 invalid model, 4 not supported, 5 inputs do
  not fit, 6 failed on the values, 7 over a limit, 8 a file failed.

Examples:
  linn run model.onnx
  linn run model.onnx -i x.npy -o y.npy
  linn run model.onnx -i '[1,2;3,4]'
  linn run model.onnx -i a=x.npz:a -i b=rand:-1,1
  linn run model.onnx -i cat.jpg --labels names.txt --top 3
  linn run model.onnx -i cat.npy --layout nhwc --cast
  linn run model.onnx --shape x=8x3x224x224
  linn run model.onnx --data test_data_set_0 --expect --save-all values/
  linn run model.onnx -i x.npy -o pool1=-
  linn run model.onnx -i x.npy -o out/ --format json
  cat model.onnx | linn run - -i x.npy";
