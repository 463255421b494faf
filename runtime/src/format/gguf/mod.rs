//! GGUF files as named tensors. The bytes are read by `atome-gguf`; here its tensors become those that a graph asks for.

mod read;
mod tensors;
mod write;

pub(crate) use write::Writer;

use crate::error::{EntryFault, FileError};
use crate::mapped::MappedFile;
use crate::regular_file;
use crate::tensor::{Kind, Param, Source, Tensor, Tensors, Values};
use atome_gguf::split::{self, SplitName};
use atome_gguf::{Gguf, Layout};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of a model, one or several, and where their tensors are.
#[derive(Debug)]
pub(crate) struct GgufFiles {
    /// The first has the keys.
    files: Vec<Shard>,
    tensors: BTreeMap<String, Located>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    source: Arc<Source>,
}

/// A tensor of a file, without the file's lifetime.
#[derive(Debug, Clone)]
struct Located {
    shard: usize,
    /// Neighbours first.
    dims: Vec<u64>,
    offset: u64,
    /// How its weights are stored, or why they are not read.
    layout: Result<atome_gguf::Layout, atome_gguf::Error>,
}

impl Shard {
    fn open(path: &Path) -> Result<Shard, FileError> {
        let (file, _) = regular_file::open(path)?;
        let mapped = MappedFile::new(&file).map_err(|cause| FileError::Io { cause })?;
        Ok(Shard {
            path: path.to_owned(),
            source: Arc::new(Source::Mapped(Arc::new(mapped))),
        })
    }

    /// A fault with the file's path, if it has one.
    fn in_it(&self, fault: FileError) -> FileError {
        match self.path.as_os_str().is_empty() {
            true => fault,
            false => fault.in_file(&self.path),
        }
    }

    fn parse(&self) -> Result<Gguf<'_>, FileError> {
        Ok(Gguf::parse(self.source.bytes())?)
    }
}

impl GgufFiles {
    /// Opens a file, or all files of a split model by the name of one of them.
    ///
    /// # Errors
    /// The first fault, with the path of the file it is in.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let paths: Vec<PathBuf> = match name.and_then(SplitName::parse) {
            Some(split) => split.all().map(|name| path.with_file_name(name)).collect(),
            None => vec![path.to_owned()],
        };
        let open = |path: &PathBuf| Shard::open(path).map_err(|fault| fault.in_file(path));
        let files = paths.iter().map(open).collect::<Result<_, _>>()?;
        Self::of(files)
    }

    /// The file in these bytes.
    ///
    /// # Errors
    /// The first fault, without a path.
    pub(crate) fn parse(bytes: Source) -> Result<Self, FileError> {
        let shard = Shard {
            path: PathBuf::new(),
            source: Arc::new(bytes),
        };
        Self::of(vec![shard])
    }

    fn of(files: Vec<Shard>) -> Result<Self, FileError> {
        let mut tensors = BTreeMap::new();
        let mut parsed = Vec::new();
        for (shard, file) in files.iter().enumerate() {
            let gguf = file.parse().map_err(|fault| file.in_it(fault))?;
            for tensor in gguf.tensors() {
                let located = Located {
                    shard,
                    dims: tensor.dims().to_vec(),
                    offset: tensor.offset(),
                    layout: tensor.layout(),
                };
                tensors.insert(tensor.name().to_owned(), located);
            }
            parsed.push(gguf);
        }
        let is_split = parsed[0].metadata().get("split.count").is_some();
        if files.len() > 1 || is_split {
            split::check(&parsed).map_err(|fault| files[0].in_it(fault.into()))?;
        }
        Ok(Self { files, tensors })
    }

    /// The file that has the keys.
    pub(crate) fn first(&self) -> Result<Gguf<'_>, FileError> {
        self.files[0].parse()
    }

    /// All files.
    pub(crate) fn parsed(&self) -> Result<Vec<Gguf<'_>>, FileError> {
        self.files.iter().map(Shard::parse).collect()
    }

    /// Makes the tensors that `params` ask for. `progress` is told of each how many numbers it has.
    ///
    /// # Errors
    /// The first tensor that is not there, has another shape, is none of the model, or does not hold what it should.
    pub(crate) fn tensors(
        &self,
        params: &[Param],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Tensors, FileError> {
        self.tensors_with(params, &BTreeMap::new(), progress)
    }

    /// The same; parameters that `made` has are these numbers, and not the tensor of their name.
    ///
    /// # Errors
    /// As [`GgufFiles::tensors`].
    pub(crate) fn tensors_with(
        &self,
        params: &[Param],
        made: &BTreeMap<String, Vec<f32>>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Tensors, FileError> {
        self.refuse_extra(params)?;
        let params: Vec<&Param> = params.iter().collect();
        let tensors = crate::parallel::map(&params, |param| {
            let tensor = match made.get(&param.name) {
                Some(values) => Values {
                    name: param.name.clone(),
                    values: values.clone(),
                }
                .into(),
                None => self.tensor(param)?,
            };
            progress(param.kind.elems());
            Ok((param.name.clone(), tensor))
        });
        tensors.into_iter().collect()
    }

    /// What a file has of a tensor: its dimensions, neighbours first, and how its weights are stored, if they are read.
    pub(crate) fn look(&self, name: &str) -> Option<(Vec<u64>, Option<Layout>)> {
        let located = self.tensors.get(name)?;
        Some((located.dims.clone(), located.layout.clone().ok()))
    }

    /// Refuses what no parameter is made of.
    fn refuse_extra(&self, params: &[Param]) -> Result<(), FileError> {
        let mut used: BTreeSet<String> = params.iter().map(|p| p.name.clone()).collect();
        let ternary = params
            .iter()
            .filter(|p| matches!(p.kind, Kind::Ternary { .. }));
        used.extend(ternary.map(|param| scale_name(&param.name)));
        match self.tensors.keys().find(|name| !used.contains(*name)) {
            None => Ok(()),
            Some(name) => {
                let fault = FileError::entry(name.escape_debug().to_string(), EntryFault::Unknown);
                Err(self.in_its_file(name, fault))
            }
        }
    }

    fn tensor(&self, param: &Param) -> Result<Tensor, FileError> {
        let made = tensors::Maker { files: self }.tensor(param);
        made.map_err(|fault| self.in_its_file(&param.name, fault))
    }

    /// A fault of a tensor, with the path of the file it is in.
    fn in_its_file(&self, name: &str, fault: FileError) -> FileError {
        let shard = self.tensors.get(name).map_or(0, |located| located.shard);
        self.files[shard].in_it(fault)
    }
}

/// The tensor that has the scale of a whole ternary matrix, in f32, beside those of its blocks.
pub(crate) fn scale_name(name: &str) -> String {
    format!("{}.scale", name.strip_suffix(".weight").unwrap_or(name))
}
