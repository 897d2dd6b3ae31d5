//! Which source feeds which input of a model.

mod fitting;
mod misfit;

use std::path::Path;

use linn::text::{Quoted, did_you_mean, listed};
use linn::{Tensor, ValueInfo};

use super::Failure;
use super::generate::Generator;
use super::literal::Literal;
use super::source::{Archive, Loader, Opened, Source};
pub(super) use fitting::Fitting;
pub(super) use misfit::Misfit;

/// The tensors of a run by the names of their inputs.
pub(super) type Inputs = Vec<(String, Tensor)>;

/// What sources are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Inputs, which are made to fit.
    Input,
    /// Outputs that are expected, whatever they are.
    Output,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Role::Input => "input",
            Role::Output => "output",
        }
    }

    fn admit(
        self,
        tensor: Tensor,
        info: &ValueInfo,
        from: Option<&str>,
        loader: &mut Loader,
    ) -> Result<Tensor, Failure> {
        match self {
            Role::Input => loader.admit(tensor, info.into(), from),
            Role::Output => Ok(tensor),
        }
    }
}

/// Loads what a list of `[NAME=]SOURCE` gives to the inputs, or outputs, `infos` of a model.
pub(super) fn load(
    texts: &[String],
    infos: &[ValueInfo],
    role: Role,
    loader: &mut Loader,
) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new();
    let mut generated = Vec::new();
    for text in texts {
        let (named, source) = parse(text, infos, role)?;
        let info = || named.map_or_else(|| only(infos, role), Ok);
        let file = match source {
            Source::File(file) => file,
            Source::Literal(literal) => {
                let info = info()?;
                let rank = info.dims.as_ref().map_or(0, Vec::len);
                let tensor = literal.tensor(info.dtype, rank).map_err(|reason| {
                    let (what, name) = (role.name(), Quoted(&info.name));
                    Failure::Input(format!("the {what} {name}: {reason}"))
                })?;
                add(
                    &mut inputs,
                    info,
                    role.admit(tensor, info, None, loader)?,
                    role,
                )?;
                continue;
            }
            Source::Generated(_) if role == Role::Output => {
                let reason = format!("{}: an expected output is not generated", Quoted(text));
                return Err(Failure::Usage(reason));
            }
            Source::Generated(generator) => {
                generated.push((info()?, generator));
                continue;
            }
        };
        let shown = file.shown();
        let (info, tensor) = match loader.open(&file)? {
            Opened::Tensor(tensor) => (info()?, tensor),
            Opened::Archive(mut archive) => match named {
                Some(info) => (info, archive.read_for(&info.name)?),
                None => {
                    distribute(archive, infos, role, loader, &mut inputs)?;
                    continue;
                }
            },
            Opened::Picture(pixels) if role == Role::Output => return Err(pixels.refused()),
            Opened::Picture(pixels) => {
                let info = info()?;
                let tensor = loader.picture(&pixels, info.into())?;
                add(&mut inputs, info, tensor, role)?;
                continue;
            }
        };
        let tensor = role.admit(tensor, info, Some(&shown), loader)?;
        add(&mut inputs, info, tensor, role)?;
    }
    // Last, when the sizes of named dimensions are known from the others.
    for (info, generator) in generated {
        let tensor = loader.generate(&generator, info.into())?;
        add(&mut inputs, info, tensor, role)?;
    }
    Ok(inputs)
}

/// Random tensors for every input that the model requires.
pub(super) fn random(infos: &[ValueInfo], loader: &mut Loader) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new();
    for info in infos.iter().filter(|info| !info.optional) {
        let tensor = loader.generate(&Generator::Rand(None), info.into())?;
        inputs.push((info.name.clone(), tensor));
    }
    Ok(inputs)
}

fn add(inputs: &mut Inputs, info: &ValueInfo, tensor: Tensor, role: Role) -> Result<(), Failure> {
    if inputs.iter().any(|(name, _)| *name == info.name) {
        let (what, name) = (role.name(), Quoted(&info.name));
        return Err(Failure::Usage(format!("the {what} {name} is given twice")));
    }
    inputs.push((info.name.clone(), tensor));
    Ok(())
}

/// Splits a name off a source. A path may hold a `=` too, so what is before one is a name only if the
/// model has it, or if the whole is neither a file nor values.
fn parse<'a>(
    text: &str,
    infos: &'a [ValueInfo],
    role: Role,
) -> Result<(Option<&'a ValueInfo>, Source), Failure> {
    let splits = || {
        text.match_indices('=')
            .map(|(at, _)| (&text[..at], &text[at + 1..]))
    };
    let find = |name: &str| infos.iter().find(|info| info.name == name);
    for (name, source) in splits() {
        if let Some(info) = find(name) {
            return Ok((Some(info), Source::parse(source).map_err(Failure::Usage)?));
        }
    }
    match splits().next() {
        Some(("", source)) => Ok((None, Source::parse(source).map_err(Failure::Usage)?)),
        Some((name, source))
            if !Literal::is_meant(text)
                && !Path::new(text).exists()
                && Source::parse(source).is_ok() =>
        {
            Err(unknown(name, infos, role))
        }
        _ => Ok((None, Source::parse(text).map_err(Failure::Usage)?)),
    }
}

/// The failure of a name that is none of the inputs or outputs `infos`, as `role` says.
pub(super) fn unknown(name: &str, infos: &[ValueInfo], role: Role) -> Failure {
    let what = role.name();
    let names = infos.iter().map(|info| info.name.as_str());
    let failure = Failure::Input(format!(
        "the model has no {what} {}; its {what}s are {}",
        Quoted(name),
        listed(names.clone())
    ));
    match did_you_mean(name, names) {
        Some(hint) => failure.help(hint),
        None => failure,
    }
}

/// The input or output that a source without a name is for.
pub(super) fn only(infos: &[ValueInfo], role: Role) -> Result<&ValueInfo, Failure> {
    let mut required = infos.iter().filter(|info| !info.optional);
    match (infos, required.next(), required.next()) {
        ([info], ..) | (_, Some(info), None) => Ok(info),
        ([], ..) => {
            let what = role.name();
            Err(Failure::Usage(format!("the model has no {what}s")))
        }
        _ => {
            let names = infos.iter().map(|info| info.name.as_str());
            let failure = Failure::Usage(format!(
                "the model has {} {}s: {}",
                infos.len(),
                role.name(),
                listed(names)
            ));
            Err(failure.help("say which one a source is for, as NAME=SOURCE"))
        }
    }
}

/// Gives the arrays of an archive to the inputs that they are named after; `arr_0`, `arr_1` ... are what
/// numpy calls arrays without a name, and stand for the inputs in order.
fn distribute(
    mut archive: Archive,
    infos: &[ValueInfo],
    role: Role,
    loader: &mut Loader,
    inputs: &mut Inputs,
) -> Result<(), Failure> {
    let find = |key: &str| infos.iter().find(|info| info.name == key);
    let keys = archive.keys().to_vec();
    let shown = archive.shown();
    if keys.iter().all(|key| find(key).is_none())
        && let Ok(info) = only(infos, role)
    {
        let tensor = archive.read_for(&info.name)?;
        let tensor = role.admit(tensor, info, Some(&shown), loader)?;
        return add(inputs, info, tensor, role);
    }
    let positional = |key: &str| infos.get(key.strip_prefix("arr_")?.parse::<usize>().ok()?);
    for key in &keys {
        let info = find(key)
            .or_else(|| positional(key))
            .ok_or_else(|| archive.broken(unknown(key, infos, role)))?;
        let tensor = archive.read(key)?;
        let tensor = role.admit(tensor, info, Some(&shown), loader)?;
        add(inputs, info, tensor, role)?;
    }
    Ok(())
}
