//! A directory of float weights, as model hubs have them: `model.safetensors`, or several such files and
//! `model.safetensors.index.json`, which says what lies where.

use super::container::header::{Entry, Header, MAX_HEADER_BYTES};
use super::files::{read_header, start_of};
use super::floats::{float_type, kind};
use crate::error::{EntryFault, FileError, HeaderError};
use crate::json::{self, Unique};
use crate::regular_file;
use crate::tensor::{FileFloats, Source};
use safetensors::Dtype;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The one file of small models.
const FILE: &str = "model.safetensors";
/// What says where tensors are, of models of several files.
const INDEX: &str = "model.safetensors.index.json";

/// The named float tensors of a directory.
#[derive(Debug)]
pub(crate) struct FloatFolder {
    tensors: BTreeMap<String, Located>,
}

/// A tensor of a file.
#[derive(Debug)]
struct Located {
    entry: Entry,
    /// Where its bytes start.
    offset: u64,
    file: Arc<WeightFile>,
}

/// A file of the directory.
#[derive(Debug)]
struct WeightFile {
    path: PathBuf,
    source: Arc<Source>,
}

/// The index of a directory's files.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: Unique,
}

impl FloatFolder {
    /// Reads the headers of all files.
    ///
    /// # Errors
    /// The first fault, with the path of the file it is in.
    pub(crate) fn open(folder: &Path) -> Result<Self, FileError> {
        let mut weights = Self {
            tensors: BTreeMap::new(),
        };
        let (index, file) = (folder.join(INDEX), folder.join(FILE));
        if index.exists() {
            let places = places(&index).map_err(|fault| fault.in_file(&index))?;
            weights.add_all(folder, &places)?;
        } else if file.exists() {
            weights.add(file, |_| true)?;
        } else {
            let none = FileError::Kind {
                expected: "a directory with `model.safetensors` or `model.safetensors.index.json`",
                found: "neither",
            };
            return Err(none.in_file(folder));
        }
        Ok(weights)
    }

    /// The files that an index names, each with the tensors that it has there.
    fn add_all(
        &mut self,
        folder: &Path,
        places: &BTreeMap<String, String>,
    ) -> Result<(), FileError> {
        let files: BTreeSet<&String> = places.values().collect();
        for name in files {
            let path = folder.join(name);
            self.add(path.clone(), |tensor| places.get(tensor) == Some(name))?;
            let mut there = places.iter().filter(|(_, file)| *file == name);
            if let Some((tensor, _)) = there.find(|(tensor, _)| !self.has(tensor)) {
                let tensor = tensor.escape_debug().to_string();
                let missing = FileError::entry(tensor, EntryFault::Missing);
                return Err(missing.in_file(&path));
            }
        }
        Ok(())
    }

    /// The tensors of a file, all of which have to be `expected` there.
    fn add(&mut self, path: PathBuf, expected: impl Fn(&str) -> bool) -> Result<(), FileError> {
        let (header, source) = header(&path).map_err(|fault| fault.in_file(&path))?;
        let file = Arc::new(WeightFile {
            path,
            source: Arc::new(source),
        });
        for entry in header.tensors {
            if !expected(&entry.name) {
                let fault = FileError::entry(&entry.name, EntryFault::NotIndexed);
                return Err(fault.in_file(&file.path));
            }
            let located = Located {
                offset: header.data_start + entry.begin(),
                file: Arc::clone(&file),
                entry,
            };
            let name = located.entry.name.clone();
            self.tensors.insert(name, located);
        }
        Ok(())
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The names of all tensors, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The numbers of a tensor of this shape, to be read as those of `name`.
    ///
    /// # Errors
    /// If there is no such tensor, or it is of another shape or no float type.
    pub(crate) fn floats(
        &self,
        tensor: &str,
        shape: &[usize],
        name: &str,
    ) -> Result<FileFloats, FileError> {
        let missing = || FileError::entry(tensor, EntryFault::Missing);
        let located = self.tensors.get(tensor).ok_or_else(missing)?;
        let Located {
            entry,
            offset,
            file,
        } = located;
        let of = float_type(entry.info.dtype).filter(|_| shape == entry.info.shape);
        let of = of.ok_or_else(|| self.in_its_file(tensor, kind(entry, &format!("{shape:?}"))))?;
        let elems = shape.iter().product();
        Ok(FileFloats::new(name.to_owned(), elems, &file.source, *offset).of(of))
    }

    /// Where the bytes of a tensor of this type and shape are.
    ///
    /// # Errors
    /// If there is no such tensor, or it is of another type or shape.
    pub(crate) fn bytes(
        &self,
        tensor: &str,
        (dtype, shape): (Dtype, &[usize]),
    ) -> Result<(Arc<Source>, u64), FileError> {
        let missing = || FileError::entry(tensor, EntryFault::Missing);
        let located = self.tensors.get(tensor).ok_or_else(missing)?;
        let info = &located.entry.info;
        if info.dtype == dtype && info.shape == shape {
            return Ok((Arc::clone(&located.file.source), located.offset));
        }
        let fault = EntryFault::Kind {
            expected: format!("{shape:?} of {dtype:?}"),
            found: located.entry.kind(),
        };
        Err(self.in_its_file(tensor, FileError::entry(tensor, fault)))
    }

    /// The shape of a tensor, if there is one of this name.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        let located = self.tensors.get(name)?;
        Some(&located.entry.info.shape)
    }

    /// A fault of a tensor, with the path of the file it is in.
    pub(crate) fn in_its_file(&self, tensor: &str, fault: FileError) -> FileError {
        match self.tensors.get(tensor) {
            Some(located) => fault.in_file(&located.file.path),
            None => fault,
        }
    }
}

/// The file that an index names for each tensor: one of the directory.
fn places(index: &Path) -> Result<BTreeMap<String, String>, FileError> {
    let text = json::read(index, MAX_HEADER_BYTES)?;
    let index = serde_json::from_slice(&text);
    let Index {
        weight_map: Unique(places),
    } = index.map_err(|cause| HeaderError::Index { cause })?;
    let is_inside = |file: &str| {
        let mut parts = Path::new(file).components();
        let is_name = matches!(parts.next(), Some(Component::Normal(name)) if name == file);
        let is_odd = |c: char| c.is_control() || ['\\', ':'].contains(&c);
        is_name && parts.next().is_none() && !file.contains(is_odd)
    };
    match places.iter().find(|(_, file)| !is_inside(file)) {
        None => Ok(places),
        Some((tensor, file)) => Err(HeaderError::Outside {
            tensor: tensor.escape_debug().to_string(),
            found: file.clone(),
        }
        .into()),
    }
}

fn header(path: &Path) -> Result<(Header, Source), FileError> {
    let (mut file, bytes) = regular_file::open(path)?;
    let mut start = start_of(&mut file)?;
    read_header(&mut file, &mut start)?;
    let header = Header::parse(&start, bytes)?;
    Ok((header, Source::map(&file)?))
}
