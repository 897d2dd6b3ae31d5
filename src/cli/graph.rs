//! `linn graph`: the graph of a model, drawn for a terminal, a page or a program.

mod around;
mod dot;
mod drawing;
mod json;
mod kind;
mod label;
mod layout;
mod mermaid;
mod names;
mod svg;
mod text;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use linn::text::{Plain, Quoted};
use linn::{Error, Form, Model};

use self::drawing::Drawing;
use self::text::Look;
use super::columns;
use super::engine::Loading;
use super::model_file::{Loaded, ModelFile};
use super::shapes::Dims;
use super::source::Loader;
use super::whole_file::WholeFile;
use super::{Failure, Verdict, print};

/// Draw the graph of a model, for a terminal, a page or a program
///
/// Nodes that compute constants are not drawn, nor are initializers: the nodes that read them show what they
/// read. A graph in a node (a branch, the body of a loop) is drawn below the graph that the node is in; the
/// values that it reads from there lead to the node, too.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{LONG_HELP}\n\n{EXAMPLES}"))]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelFile,

    /// Where the drawing goes: .txt, .dot, .mmd, .svg or .json, or - for stdout
    #[arg(short, long, value_name = "SINK")]
    output: Option<PathBuf>,

    /// What is drawn. Default: what the ending of the file says, else text
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Draw only what is around this node: its name, a value that it writes, or its number in `linn inspect`
    #[arg(long, value_name = "NODE")]
    around: Option<String>,

    /// How many edges away from that node the drawing ends
    #[arg(long, value_name = "N", default_value_t = 2, requires = "around")]
    depth: usize,

    /// Write the types and shapes of values
    #[arg(long)]
    shapes: bool,

    /// Draw the nodes that compute constants, too
    #[arg(long)]
    constants: bool,

    /// Draw the nodes that run, after rewriting, and not those of the file
    #[arg(long)]
    optimized: bool,

    #[command(flatten)]
    dims: Dims,

    #[command(flatten)]
    loading: Loading,
}

const EXAMPLES: &str = "\
Examples:
  linn graph model.onnx                            in the terminal
  linn graph model.onnx --shapes -o model.svg      a picture
  linn graph model.onnx --around pool5 --depth 3   a part of a large model
  linn graph model.onnx --optimized                the nodes that run
  linn graph model.onnx -o - --format dot | dot -Tpdf > model.pdf";

const LONG_HELP: &str = "\
Formats:
  text     a line for each item in the order of execution, beside rails along which values flow;
           lines fit the terminal, or COLUMNS; in ASCII if TERM is dumb or the locale is not UTF-8
  svg      a picture, light or dark as its reader prefers it; tooltips have what there is no room
           for. What is applied to each element stands right below what it is applied to
  dot      for Graphviz
  mermaid  for pages of documentation
  json     a document linn.graph/1
  At most 3000 nodes, inputs and outputs are drawn as text or svg.

The document has `graphs`, each with
  calls, owner  what leads to a graph in a node, and the index of that node
  nodes         all have an `id`, `focus` (whether --around names it), and a `kind`: node, input,
                output, constant (an initializer that is an output), captured (from the graph
                around) or cut (where --around ends). Those of kind node have what `linn inspect`
                says of them, `attributes`, and `constants`, which they read; others their `value`
  edges         `from` an id `to` an id, with the `value`, and `input`: which input of the reader it
                is, null if that is no node, or if a graph in it reads the value
Types and shapes are in the document without --shapes, too. docs/json.md lists the keys.

Exit codes: 0 done, 2 wrong usage or no such node, 3 invalid model, 4 not supported, 5 a --dim does
not fit, 7 over a limit, 8 a file failed.";

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for a terminal
    Text,
    /// The language of Graphviz
    Dot,
    /// The language of Mermaid
    Mermaid,
    /// A picture
    Svg,
    /// A document linn.graph/1
    Json,
}

/// The most items of a drawing that has to be laid out.
const MOST_ITEMS: usize = 3000;

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let format = self.format()?;
        let mut options = self.loading.options();
        options.dims = self.dims.dim.clone();
        options.fix_defaults = true;
        let mut loader = Loader::new(0, options.memory_limit);
        let loaded = self.model.load(&options, &mut loader)?;
        let drawing = self.drawing(&loaded.model)?;
        let count = drawing.items();
        if matches!(format, Format::Text | Format::Svg) && count > MOST_ITEMS {
            return Err(too_much(
                &loaded,
                format!(
                    "{count} nodes, inputs and outputs would be drawn, the most are {MOST_ITEMS}"
                ),
            ));
        }
        let drawn = self.draw(&drawing, format, &loaded)?;
        match self.file() {
            Some(path) => WholeFile::new(path, |to| to.write_all(drawn.as_bytes()))?.appear()?,
            None => print(drawn)?,
        }
        Ok(Verdict::Passed)
    }

    /// The file that the drawing goes to; `None` is stdout.
    fn file(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|path| *path != Path::new("-"))
    }

    fn format(&self) -> Result<Format, Failure> {
        let (None, Some(path)) = (self.format, self.file()) else {
            return Ok(self.format.unwrap_or(Format::Text));
        };
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("txt") => Ok(Format::Text),
            Some("dot" | "gv") => Ok(Format::Dot),
            Some("mmd" | "mermaid") => Ok(Format::Mermaid),
            Some("svg") => Ok(Format::Svg),
            Some("json") => Ok(Format::Json),
            _ => Err(Failure::Usage(format!(
                "{} does not say what is drawn: must end in .txt, .dot, .mmd, .svg or .json",
                Quoted(&path.to_string_lossy())
            ))
            .help("or name it with --format")),
        }
    }

    fn drawing(&self, model: &Model) -> Result<Drawing, Failure> {
        let form = match self.optimized {
            true => Form::Running,
            false => Form::Written,
        };
        let drawing = Drawing::new(model, form, self.constants);
        let Some(node) = &self.around else {
            return Ok(drawing);
        };
        let (drawing, place) = match around::find(&drawing, node) {
            Ok(place) => (drawing, place),
            // It may be one that computes a constant.
            Err(_) => {
                let whole = Drawing::new(model, form, true);
                let place = around::find(&whole, node)?;
                (whole, place)
            }
        };
        Ok(around::around(drawing, place, self.depth))
    }

    fn draw(&self, drawing: &Drawing, format: Format, loaded: &Loaded) -> Result<String, Failure> {
        let head = self.head(drawing);
        Ok(match format {
            Format::Text => {
                let look = match self.file() {
                    Some(_) => Look::of_file(self.shapes),
                    None => Look::of_terminal(columns::width(), self.shapes),
                };
                text::write(drawing, &head, &look)
            }
            Format::Dot => dot::write(drawing, &head, self.shapes),
            Format::Mermaid => mermaid::write(drawing, self.shapes),
            Format::Json => {
                let document = json::document(drawing, &self.model.text(), self.optimized);
                format!("{document}\n")
            }
            Format::Svg => svg::write(drawing, &head, self.shapes)
                .map_err(|reason| too_much(loaded, reason))?,
        })
    }

    /// The line above the drawing: what it shows.
    fn head(&self, drawing: &Drawing) -> String {
        let name = self.model.text();
        let mut parts = vec![Plain(&name).to_string()];
        let nodes = drawing.nodes();
        parts.push(match nodes {
            1 => "1 node".to_string(),
            _ => format!("{nodes} nodes"),
        });
        if self.optimized {
            parts.push("as they run".to_string());
        }
        if let Some(node) = &self.around {
            parts.push(around::shown(node, self.depth));
        }
        parts.join(", ")
    }
}

/// A drawing that is too large to be laid out.
fn too_much(loaded: &Loaded, reason: String) -> Failure {
    let limit = Error::Limit {
        reason,
        memory: false,
    };
    loaded
        .blame(limit)
        .help("--around NODE draws a part; dot, mermaid and json have no limit")
}
