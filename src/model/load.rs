//! Loading: from the bytes of a file to a model that is ready to run.

use std::io::Read;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;

use super::bind::{Places, Symbols};
use super::options::{Options, Workers};
use super::plan::Plan;
use super::{Model, fix};
use crate::allocate::attempt;
use crate::error::{Error, Finding, Severity};
use crate::graph::{Built, Graph, ValueId, ValueInfo};
use crate::onnx;
use crate::onnx::external::Folder;
use crate::onnx::proto::ModelProto;
use crate::onnx::stored::InFile;
use crate::optimize::Program;
use crate::stop;

impl Model {
    /// Loads the model in the file `path`; external data are read from its folder.
    ///
    /// # Errors
    /// The file cannot be read, is not a valid model, or needs what linn lacks: then all of it is listed.
    pub fn load(path: impl AsRef<Path>) -> Result<Model, Error> {
        Model::load_with(path, &Options::default())
    }

    /// As [`Model::load`], with options.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with(path: impl AsRef<Path>, options: &Options) -> Result<Model, Error> {
        let path = path.as_ref();
        let proto = || onnx::read_file(path, options.memory_limit);
        Model::read(proto, Some(path), options)
    }

    /// Loads a model from memory; external data can only come from [`Options::external_data`].
    ///
    /// # Errors
    /// As [`Model::load`].
    ///
    /// ```
    /// let bytes = std::fs::read("models/maxpool_2d_padding_stride/model.onnx")?;
    /// let model = linn::Model::from_bytes(bytes)?;
    /// assert_eq!(model.inputs()[0].to_string(), "f32[1,1,4,4]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Model, Error> {
        Model::from_bytes_with(bytes, &Options::default())
    }

    /// As [`Model::from_bytes`], with options.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes_with(bytes: impl Into<Bytes>, options: &Options) -> Result<Model, Error> {
        let bytes = bytes.into();
        Model::read(|| in_memory(bytes, options), None, options)
    }

    /// Loads a model from a reader, which is read to its end; it cannot have external data.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_reader(reader: impl Read) -> Result<Model, Error> {
        let options = Options::default();
        let fail = |error| Error::io("the reader", error);
        let bytes = onnx::read_all(reader, options.memory_limit).map_err(fail)?;
        Model::from_bytes_with(bytes, &options)
    }

    /// Lists what keeps the model in the file `path` from running, and what looks wrong in it: all nodes that are not
    /// supported or not valid.
    ///
    /// # Errors
    /// The file cannot be read, or is no model; or what is not valid is no single node.
    ///
    /// ```
    /// let findings = linn::Model::check("models/maxpool_2d_padding_stride/model.onnx")?;
    /// assert!(findings.is_empty());
    /// # Ok::<(), linn::Error>(())
    /// ```
    pub fn check(path: impl AsRef<Path>) -> Result<Vec<Finding>, Error> {
        Model::check_with(path, &Options::default())
    }

    /// As [`Model::check`], with options.
    ///
    /// # Errors
    /// As [`Model::check`].
    pub fn check_with(path: impl AsRef<Path>, options: &Options) -> Result<Vec<Finding>, Error> {
        let path = path.as_ref();
        let proto = || onnx::read_file(path, options.memory_limit);
        Ok(attempt(|| build(proto, Some(path), options))?.findings)
    }

    /// As [`Model::check`], for a model in memory.
    ///
    /// # Errors
    /// As [`Model::check`].
    pub fn check_bytes(bytes: impl Into<Bytes>) -> Result<Vec<Finding>, Error> {
        Model::check_bytes_with(bytes, &Options::default())
    }

    /// As [`Model::check_bytes`], with options.
    ///
    /// # Errors
    /// As [`Model::check`].
    pub fn check_bytes_with(
        bytes: impl Into<Bytes>,
        options: &Options,
    ) -> Result<Vec<Finding>, Error> {
        let bytes = bytes.into();
        let proto = || in_memory(bytes, options);
        Ok(attempt(|| build(proto, None, options))?.findings)
    }

    fn read(
        proto: impl FnOnce() -> Result<(ModelProto, InFile), Error> + Send,
        path: Option<&Path>,
        options: &Options,
    ) -> Result<Model, Error> {
        let workers = Workers::new(options)?;
        let made = workers.clone();
        let load = || Model::new(build(proto, path, options)?, options, made);
        workers.install(|| attempt(load))
    }

    fn new(built: Built, options: &Options, workers: Workers) -> Result<Model, Error> {
        if let Some(error) = built.invalid {
            return Err(error);
        }
        let Some(mut graph) = built.graph else {
            return Err(Error::Unsupported(
                built
                    .findings
                    .into_iter()
                    .filter(|finding| finding.severity == Severity::Unsupported)
                    .collect(),
            ));
        };
        let results: Vec<ValueId> = graph.outputs.iter().map(|(id, _)| *id).collect();
        let infos = |list: &[(ValueId, ValueInfo)]| -> Vec<ValueInfo> {
            list.iter().map(|(_, info)| info.clone()).collect()
        };
        let (inputs, outputs) = (infos(&graph.inputs), infos(&graph.outputs));
        let mut computed = vec![false; graph.names.len()];
        for id in graph.nodes.iter().flat_map(|node| &node.outputs).flatten() {
            computed[*id] = graph.constants[*id].is_none();
        }
        let room = options.memory_limit.saturating_sub(built.constant_bytes);
        let (rewritten, keeps_graph) = (options.optimize, options.keep_values);
        let program = Program::new(&mut graph, rewritten, keeps_graph, room);
        // What is stopped is left half laid out.
        stop::check_loading()?;
        let plan = Plan::new(&program.nodes, &program.constants, &results);
        let plan = plan.map_err(stop::loading)?;
        Ok(Model {
            info: built.info,
            plan,
            names: outputs.iter().map(|info| info.name.clone()).collect(),
            symbols: Symbols::new(&inputs),
            places: Places::new(&inputs, &outputs),
            computed,
            constant_bytes: program.constant_bytes(built.constant_bytes),
            program,
            states: Mutex::new(Vec::new()),
            peak_bytes: AtomicUsize::new(0),
            inputs,
            outputs,
            warnings: built.findings,
            memory_limit: options.memory_limit,
            round_limit: options.round_limit,
            workers,
            graph,
        })
    }
}

fn in_memory(bytes: Bytes, options: &Options) -> Result<(ModelProto, InFile), Error> {
    Ok((onnx::read(bytes, options.memory_limit)?, InFile::default()))
}

fn build(
    proto: impl FnOnce() -> Result<(ModelProto, InFile), Error>,
    path: Option<&Path>,
    options: &Options,
) -> Result<Built, Error> {
    let root = options.external_data_root.as_deref();
    let folder = Folder::of(path, root, &options.external_data);
    let (mut proto, in_file) = proto()?;
    fix::fix(&mut proto, options)?;
    Graph::build(proto, &in_file, &folder, options)
}
