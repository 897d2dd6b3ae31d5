//! Which source feeds which input of a model.

use std::path::Path;

use linn::text::{Quoted, did_you_mean, listed};
use linn::{Tensor, ValueInfo};

use super::Failure;
use super::generate::Generator;
use super::literal::Literal;
use super::source::{Archive, Loader, Opened, Source};

/// The tensors of a run by the names of their inputs.
pub(super) type Inputs = Vec<(String, Tensor)>;

/// Loads what a list of `[NAME=]SOURCE` gives to a model with inputs `infos`.
pub(super) fn load(
    texts: &[String],
    infos: &[ValueInfo],
    loader: &mut Loader,
) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new();
    let mut generated = Vec::new();
    for text in texts {
        let (name, source) = parse(text, infos)?;
        match (name, source) {
            (Some(info), Source::Generated(generator)) => generated.push((info, generator)),
            (Some(info), source) => add(&mut inputs, info, loader.tensor(&source, info.into())?)?,
            (None, Source::File(file)) => match loader.open(&file)? {
                Opened::Archive(archive) => distribute(archive, infos, loader, &mut inputs)?,
                Opened::Tensor(tensor) => {
                    let info = only(infos)?;
                    loader.learn(info.into(), &tensor);
                    add(&mut inputs, info, tensor)?;
                }
            },
            (None, Source::Generated(generator)) => generated.push((only(infos)?, generator)),
            (None, source) => {
                let info = only(infos)?;
                add(&mut inputs, info, loader.tensor(&source, info.into())?)?;
            }
        }
    }
    // Last, when the sizes of named dimensions are known from the others.
    for (info, generator) in generated {
        let tensor = loader.generate(&generator, info.into())?;
        add(&mut inputs, info, tensor)?;
    }
    Ok(inputs)
}

/// Random tensors for every input that the model requires.
pub(super) fn random(infos: &[ValueInfo], loader: &mut Loader) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new();
    for info in infos.iter().filter(|info| !info.optional) {
        let tensor = loader.generate(&Generator::Rand(None), info.into())?;
        add(&mut inputs, info, tensor)?;
    }
    Ok(inputs)
}

fn add(inputs: &mut Inputs, info: &ValueInfo, tensor: Tensor) -> Result<(), Failure> {
    if inputs.iter().any(|(name, _)| *name == info.name) {
        return Err(Failure::Usage(format!(
            "the input {} is given twice",
            Quoted(&info.name)
        )));
    }
    inputs.push((info.name.clone(), tensor));
    Ok(())
}

/// Splits a name off a source. A path may hold a `=` too, so what is before one is a name only if the
/// model has it, or if the whole is neither a file nor values.
fn parse<'a>(
    text: &str,
    infos: &'a [ValueInfo],
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
            Err(unknown(name, infos))
        }
        _ => Ok((None, Source::parse(text).map_err(Failure::Usage)?)),
    }
}

fn unknown(name: &str, infos: &[ValueInfo]) -> Failure {
    let names = infos.iter().map(|info| info.name.as_str());
    let failure = Failure::Input(format!(
        "the model has no input {}; its inputs are {}",
        Quoted(name),
        listed(names.clone())
    ));
    match did_you_mean(name, names) {
        Some(hint) => failure.help(hint),
        None => failure,
    }
}

/// The input that a source without a name is for.
fn only(infos: &[ValueInfo]) -> Result<&ValueInfo, Failure> {
    let mut required = infos.iter().filter(|info| !info.optional);
    match (infos, required.next(), required.next()) {
        ([info], ..) | (_, Some(info), None) => Ok(info),
        _ => {
            let names = infos.iter().map(|info| info.name.as_str());
            let failure = Failure::Usage(format!(
                "the model has {} inputs: {}",
                infos.len(),
                listed(names)
            ));
            Err(failure.help("say which one a source is for, as -i NAME=SOURCE"))
        }
    }
}

/// Gives the arrays of an archive to the inputs that they are named after; `arr_0`, `arr_1` ... are what
/// numpy calls arrays without a name, and stand for the inputs in order.
fn distribute(
    mut archive: Archive,
    infos: &[ValueInfo],
    loader: &mut Loader,
    inputs: &mut Inputs,
) -> Result<(), Failure> {
    let find = |key: &str| infos.iter().find(|info| info.name == key);
    let keys = archive.keys().to_vec();
    if keys.iter().all(|key| find(key).is_none())
        && let Ok(info) = only(infos)
    {
        let tensor = archive.read_for(&info.name)?;
        loader.learn(info.into(), &tensor);
        return add(inputs, info, tensor);
    }
    let positional = |key: &str| infos.get(key.strip_prefix("arr_")?.parse::<usize>().ok()?);
    for key in &keys {
        let info = find(key)
            .or_else(|| positional(key))
            .ok_or_else(|| archive.broken(unknown(key, infos)))?;
        let tensor = archive.read(key)?;
        loader.learn(info.into(), &tensor);
        add(inputs, info, tensor)?;
    }
    Ok(())
}
