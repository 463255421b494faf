//! A model of any family from a file of any format.

use super::{Checkpoint, container, folder, gguf};
use crate::error::{ConfigError, FileError, HeaderError};
use crate::families::{Architecture, AtomeConfig, Config};
use crate::format::atome::FileHeader;
use crate::format::bit2::Bit2File;
use crate::format::container::Metadata;
use crate::format::files::{read_header, read_rest, start_of};
use crate::format::{Format, detect};
use crate::mapped::ModelBytes;
use crate::progress::Progress;
use crate::regular_file::open;
use crate::tensor::{Source, Tables};
use std::fs::File;
use std::path::Path;

/// Reads a model from a file, or from a directory with `config.json` and float weights in safetensors files, as model hubs
/// have them.
///
/// The dimensions of a model in an `ATOME` file come from `config`, or from the `.json` beside the model that has the same
/// stem; other formats store them. Memory for such a model: the file's bytes and its unpacked trits, together at most six
/// times the file's length, and about a kilobyte a block; allocated only after the length has been found to be the one the
/// dimensions ask for. The tensors of other models stay in the file until they are read.
///
/// # Errors
/// The first fault found, with the path of the file it is in.
pub fn load(path: &Path, config: Option<&Path>) -> Result<Checkpoint, FileError> {
    load_with(path, config, &mut |_, _| {})
}

/// Like [`load`]; `progress` is told how many bytes of a file that is checked as a whole, of how many, are checked.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    path: &Path,
    config: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Checkpoint, FileError> {
    load_to_run(path, config, Tables::Now, progress)
}

/// Like [`load_with`]; where a file allows it, `tables` may be left to whoever looks up their rows.
pub(crate) fn load_to_run(
    path: &Path,
    config: Option<&Path>,
    tables: Tables,
    progress: Progress<'_>,
) -> Result<Checkpoint, FileError> {
    if path.is_dir() {
        return folder::load(path, config, progress);
    }
    let in_model = |fault: FileError| fault.in_file(path);
    let opened = Opened::new(path).map_err(in_model)?;
    match opened.format {
        Format::Bit2 => Source::map(&opened.file).and_then(bit2).map_err(in_model),
        Format::Gguf => gguf::load(path, config, progress),
        Format::Container | Format::Folder => opened.container(path, config, tables, progress),
        Format::Atome01 | Format::Atome02 | Format::AtomeCl01 => opened.atome(path, config),
    }
}

/// Reads a model from the bytes of a container or of a GGUF file.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse_checkpoint(bytes: &[u8]) -> Result<Checkpoint, FileError> {
    match detect(bytes) {
        Some(Format::Gguf) => gguf::parse(Source::Memory(bytes.to_vec())),
        _ => Ok(container::parse_container(bytes)?.0),
    }
}

/// Reads a model from the bytes of a file of any format. `config` is the JSON of its dimensions, where the format stores none;
/// of a format that stores them they must be the same.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse_with(bytes: &[u8], config: Option<&[u8]>) -> Result<Checkpoint, FileError> {
    match detect(bytes).ok_or_else(|| FileError::unknown_magic(bytes))? {
        Format::Bit2 => same(parse_bit2(bytes.to_vec())?, config),
        Format::Container | Format::Gguf | Format::Folder => same(parse_checkpoint(bytes)?, config),
        Format::Atome01 | Format::Atome02 | Format::AtomeCl01 => with_json(bytes, config),
    }
}

/// Like [`parse_with`], of bytes that the model keeps, as far as it is not read at once.
pub(crate) fn parse_held(
    bytes: ModelBytes,
    config: Option<&[u8]>,
    tables: Tables,
) -> Result<Checkpoint, FileError> {
    let start = bytes.as_slice();
    let format = detect(start).ok_or_else(|| FileError::unknown_magic(start))?;
    let held = match format {
        Format::Bit2 => bit2(Source::held(bytes))?,
        Format::Gguf => gguf::parse(Source::held(bytes))?,
        Format::Container | Format::Folder => {
            container::read(Source::held(bytes), None, tables, &mut |_, _| {})?.0
        }
        Format::Atome01 | Format::Atome02 | Format::AtomeCl01 => return with_json(start, config),
    };
    same(held, config)
}

/// A model that states its dimensions, which are those of a config if there is one.
fn same(model: Checkpoint, config: Option<&[u8]>) -> Result<Checkpoint, FileError> {
    if let Some(json) = config {
        let given = Config::from_json(model.architecture(), json)?;
        model.config().must_equal(&given)?;
    }
    Ok(model)
}

/// The model in the bytes of an `ATOME` file.
fn with_json(bytes: &[u8], config: Option<&[u8]>) -> Result<Checkpoint, FileError> {
    let json = config.ok_or(ConfigError::NotGiven)?;
    atome(bytes, Config::from_json(Architecture::Atome, json)?)
}

/// Reads a model from the bytes of a `BIT2` file.
///
/// # Errors
/// The first fault of a header; those of elements are found when they are read.
pub fn parse_bit2(bytes: Vec<u8>) -> Result<Checkpoint, FileError> {
    bit2(Source::Memory(bytes))
}

/// Reads a model from the bytes of an `ATOME` file, or of a container, and its dimensions. Those of a container must be the
/// same as its own.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse(bytes: &[u8], config: &AtomeConfig) -> Result<Checkpoint, FileError> {
    config.validate()?;
    let config = Config::from(config.clone());
    if detect(bytes) == Some(Format::Container) {
        let source = Source::Memory(bytes.to_vec());
        return Ok(container::read(source, Some(&config), Tables::Now, &mut |_, _| {})?.0);
    }
    atome(bytes, config)
}

/// Tells whether the model in a file is read a part at a time, because it may be large, from the file's first bytes.
///
/// # Errors
/// If the file cannot be read or starts like no format.
pub fn is_read_in_parts(path: &Path) -> Result<bool, FileError> {
    if path.is_dir() {
        return Ok(true);
    }
    let found = || {
        let mut opened = Opened::new(path)?;
        match opened.format {
            Format::Bit2 | Format::Gguf | Format::Folder => Ok(true),
            Format::Container => Ok(opened.metadata()?.is_tiled()),
            Format::Atome01 | Format::Atome02 | Format::AtomeCl01 => Ok(false),
        }
    };
    found().map_err(|fault: FileError| fault.in_file(path))
}

/// The program that says it wrote a container or a GGUF file: `None` where it does not say, and for any other file.
#[must_use]
pub fn written_by(path: &Path) -> Option<String> {
    let mut opened = Opened::new(path).ok()?;
    match opened.format {
        Format::Container => {}
        Format::Gguf => return gguf::written_by(path),
        _ => return None,
    }
    let metadata = opened.metadata().ok()?;
    metadata.is_container().then(|| metadata.written_by())?
}

/// The config of a model in a file that has none: the one that was given, or the one beside the file.
pub(super) fn config_for(
    path: &Path,
    format: Format,
    given: Option<&Path>,
) -> Result<Config, FileError> {
    let family = Architecture::of(format).unwrap_or(Architecture::Atome);
    let beside = path.with_extension("json");
    match given {
        Some(given) => Config::from_file(family, given),
        None if beside.exists() => Config::from_file(family, &beside),
        None => {
            let none = ConfigError::Missing { tried: beside };
            Err(FileError::from(none).in_file(path))
        }
    }
}

/// The model in the bytes of an `ATOME` file.
pub(super) fn atome(bytes: &[u8], config: Config) -> Result<Checkpoint, FileError> {
    let header = FileHeader::parse(bytes)?;
    let mut model = Checkpoint::empty(config, header.classes, header.format)?;
    model.tensors = header.tensors(model.params(), bytes)?;
    Ok(model)
}

/// The model in a `BIT2` file.
fn bit2(source: Source) -> Result<Checkpoint, FileError> {
    let file = Bit2File::open(source)?;
    let mut model = Checkpoint::empty(Config::from_header(file.dims)?, None, Format::Bit2)?;
    model.tensors = file.tensors(model.params())?;
    Ok(model)
}

/// A file of a known format.
struct Opened {
    file: File,
    bytes: u64,
    /// What has been read of it.
    start: Vec<u8>,
    format: Format,
}

impl Opened {
    fn new(path: &Path) -> Result<Opened, FileError> {
        let (mut file, bytes) = open(path)?;
        let start = start_of(&mut file)?;
        let format = detect(&start).ok_or_else(|| FileError::unknown_magic(&start))?;
        Ok(Opened {
            file,
            bytes,
            start,
            format,
        })
    }

    /// What a container says of itself, unchecked; its header is read then.
    fn metadata(&mut self) -> Result<Metadata, FileError> {
        read_header(&mut self.file, &mut self.start)?;
        Metadata::peek(&self.start, self.bytes)
    }

    /// The model in a container.
    fn container(
        mut self,
        path: &Path,
        config: Option<&Path>,
        tables: Tables,
        progress: Progress<'_>,
    ) -> Result<Checkpoint, FileError> {
        let in_model = |fault: FileError| fault.in_file(path);
        let metadata = self.metadata().map_err(in_model)?;
        if !metadata.is_container() {
            return Err(in_model(HeaderError::Foreign.into()));
        }
        let family = container::family(&metadata).map_err(in_model)?;
        let given = config.map(|path| Config::from_file(family, path));
        let given = given.transpose()?;
        let mut source = || {
            if metadata.is_mapped() {
                return Source::map(&self.file);
            }
            read_rest(&mut self.file, self.bytes, &mut self.start)?;
            Ok(Source::Memory(std::mem::take(&mut self.start)))
        };
        let read = |file| container::read(file, given.as_ref(), tables, progress);
        let model = source().and_then(read);
        Ok(model.map_err(in_model)?.0)
    }

    /// The model in an `ATOME` file: magic, header, config, length, and only then the tensors.
    fn atome(mut self, path: &Path, config: Option<&Path>) -> Result<Checkpoint, FileError> {
        let in_model = |fault: FileError| fault.in_file(path);
        let header = FileHeader::parse(&self.start).map_err(in_model)?;
        let config = config_for(path, self.format, config)?;
        let read = || {
            let mut model = Checkpoint::empty(config, header.classes, header.format)?;
            header.check_size(model.params(), self.bytes)?;
            read_rest(&mut self.file, self.bytes, &mut self.start)?;
            model.tensors = header.tensors(model.params(), &self.start)?;
            Ok(model)
        };
        read().map_err(in_model)
    }
}
