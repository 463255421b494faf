//! Loaded models.

use super::classes::Verdict;
use super::error::Failure;
use super::numbers;
use super::options::options;
use super::prompt::{Prompt, ids};
use super::session::{Session, step_together};
use super::settings::Settings;
use super::stream::{Run, Stream};
use atome::tokenizer::Tokenizer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};
use std::path::{self, PathBuf};
use std::sync::{Arc, OnceLock};

/// A loaded model, which any number of threads may use at once.
///
/// Model(path, *, config=None, backend='auto', cpu=None, threads=None, sessions=64, block=32, no_multiply=False,
/// activations=None, packing=None, context=None, cache_type=None, fuse=True, tune=True, huge_pages=True)
#[pyclass(frozen, module = "atome")]
pub(super) struct Model {
    pub(super) model: atome::Model,
    source: Source,
    options: Py<PyDict>,
    tokenizer: OnceLock<Result<Arc<Tokenizer>, Failure>>,
}

/// Where a model comes from, and comes from again in another process.
enum Source {
    Path(PathBuf),
    Bytes(Py<PyBytes>),
    /// The package.
    Default,
}

/// A path that is one in another process too.
fn placed(path: PathBuf) -> PyResult<PathBuf> {
    path::absolute(&path).map_err(|cause| {
        let message = format_args!("path `{}`: {cause}", path.display());
        Failure::argument(message).into()
    })
}

impl Model {
    fn open(source: Source, given: Option<&Bound<'_, PyDict>>, py: Python<'_>) -> PyResult<Model> {
        let given = match given {
            Some(given) => given.copy()?,
            None => PyDict::new(py),
        };
        let (options, config) = options(&given)?;
        let config = config.map(placed).transpose()?;
        if let Some(config) = &config {
            given.set_item("config", config)?;
        }
        let load = || match &source {
            Source::Path(path) => atome::Model::load(path, config.as_deref(), &options),
            Source::Default => atome::Model::default_model(&options),
            Source::Bytes(bytes) => {
                let bytes = Python::attach(|py| bytes.as_bytes(py).to_vec());
                atome::Model::from_bytes(&bytes, &options)
            }
        };
        let model = py.detach(load).map_err(Failure::from)?;
        Ok(Model {
            model,
            source,
            options: given.unbind(),
            tokenizer: OnceLock::new(),
        })
    }

    /// The tokenizer, loaded once.
    pub(super) fn tokenizer(&self) -> Result<Arc<Tokenizer>, Failure> {
        let load = || Ok(Arc::new(self.model.tokenizer()?));
        self.tokenizer.get_or_init(load).clone()
    }

    /// A prompt as tokens.
    fn tokens(&self, prompt: Prompt, begins: bool) -> Result<Vec<u32>, Failure> {
        prompt.into_tokens(|| self.tokenizer(), begins)
    }
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (path, **options))]
    fn new(py: Python<'_>, path: PathBuf, options: Option<&Bound<'_, PyDict>>) -> PyResult<Model> {
        Model::open(Source::Path(placed(path)?), options, py)
    }

    /// The model inside the package: a small one of bytes, trained on one book.
    #[staticmethod]
    #[pyo3(signature = (**options))]
    fn default(py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Model> {
        Model::open(Source::Default, options, py)
    }

    /// A model from the bytes of a file that stores its dimensions.
    #[staticmethod]
    #[pyo3(signature = (data, **options))]
    fn from_bytes(
        data: Bound<'_, PyBytes>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Model> {
        let py = data.py();
        Model::open(Source::Bytes(data.unbind()), options, py)
    }

    /// The file that the model was loaded from; None of one from memory.
    #[getter]
    fn path(&self) -> Option<&PathBuf> {
        match &self.source {
            Source::Path(path) => Some(path),
            _ => None,
        }
    }

    /// The keywords that the model was loaded with.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.options.bind(py).copy()
    }

    /// Number of token ids.
    #[getter]
    fn vocab(&self) -> usize {
        self.model.vocab()
    }

    /// Names of a classifier's classes, or their numbers where it has no names; None of a language model.
    #[getter]
    fn classes(&self) -> Option<Vec<String>> {
        super::classes::labels(&self.model).map(|labels| labels.names)
    }

    /// Tokens that end what the model writes.
    #[getter]
    fn ends(&self) -> Vec<u32> {
        self.model.ends().to_vec()
    }

    /// The model's structure as text.
    #[getter]
    fn graph(&self) -> String {
        self.model.graph().to_string()
    }

    /// What `atome inspect --json` says of the model and its memory.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = serde_json::to_string(self.model.info()).map_err(Failure::file)?;
        py.import("json")?.call_method1("loads", (text,))
    }

    /// What tells the model from others, in hexadecimal digits.
    #[getter]
    fn fingerprint(&self, py: Python<'_>) -> String {
        py.detach(|| self.model.fingerprint().to_string())
    }

    /// The tokens of a text. Special tokens that it spells are text like all else, unless `special`; with `begins` the
    /// tokens stand before it that begin a text.
    #[pyo3(signature = (text, *, special=false, begins=false))]
    fn tokenize(
        &self,
        py: Python<'_>,
        text: Prompt,
        special: bool,
        begins: bool,
    ) -> Result<Vec<u32>, Failure> {
        py.detach(|| {
            let tokenizer = self.tokenizer()?;
            match text {
                Prompt::Text(text) if special => {
                    let before = if begins { tokenizer.before() } else { &[] };
                    Ok([before, &tokenizer.encode_with_special(&text)].concat())
                }
                Prompt::Text(_) => self.tokens(text, begins),
                Prompt::Ids(_) => Err(Failure::argument("expected a text, found token ids")),
            }
        })
    }

    /// The text of tokens, with U+FFFD for bytes that are not UTF-8.
    fn detokenize(&self, py: Python<'_>, tokens: &Bound<'_, PyAny>) -> PyResult<String> {
        let tokens = ids(tokens)?;
        let vocab = self.model.vocab();
        if let Some(token) = tokens.iter().find(|token| **token as usize >= vocab) {
            let said = format_args!(
                "token {token} is out of range: the vocabulary has ids 0 to {}",
                vocab - 1
            );
            return Err(Failure::argument(said).into());
        }
        let text = py.detach(|| Ok::<_, Failure>(self.tokenizer()?.decode(&tokens)))?;
        Ok(text)
    }

    /// What follows a prompt: text after text, token ids after token ids.
    #[pyo3(signature = (prompt, **settings))]
    fn generate<'py>(
        &self,
        py: Python<'py>,
        prompt: Prompt,
        settings: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.stream(py, prompt, settings)?.rest(py)
    }

    /// What follows a prompt, as it comes: pieces of text, or token ids.
    #[pyo3(signature = (prompt, **settings))]
    fn stream(
        &self,
        py: Python<'_>,
        prompt: Prompt,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Stream> {
        let settings = Settings::of(&self.model, settings)?;
        let as_text = matches!(prompt, Prompt::Text(_));
        let tokens = py.detach(|| self.tokens(prompt, true))?;
        let tokenizer = as_text.then(|| self.tokenizer()).transpose()?;
        let mut session = py.detach(|| self.model.session()).map_err(Failure::from)?;
        super::session::prefill(py, &self.model, &tokens, |part| session.prefill(part))?;
        let run = Run::new(session, &tokens, settings, tokenizer)?;
        Ok(Stream::new(run))
    }

    /// The logits that follow a prompt, or one for each class of a classifier: f32 numbers.
    fn logits<'py>(&self, py: Python<'py>, prompt: Prompt) -> PyResult<Bound<'py, PyAny>> {
        let tokens = py.detach(|| self.tokens(prompt, true))?;
        let mut session = py.detach(|| self.model.session()).map_err(Failure::from)?;
        super::session::prefill(py, &self.model, &tokens, |part| session.prefill(part))?;
        numbers::floats(py, session.logits())
    }

    /// Which class a text, or token ids, are of.
    fn classify(&self, py: Python<'_>, prompt: Prompt) -> Result<Verdict, Failure> {
        py.detach(|| {
            let reach = match &prompt {
                Prompt::Text(_) => self.model.info().config.max_seq(),
                Prompt::Ids(_) => None,
            };
            let mut tokens = self.tokens(prompt, true)?;
            tokens.truncate(reach.unwrap_or(usize::MAX));
            Verdict::of(&self.model, &tokens)
        })
    }

    /// Opens a session.
    fn session(slf: Bound<'_, Self>) -> Result<Session, Failure> {
        Session::open(slf)
    }

    /// Takes in one token for each session, the same bits as a step of each alone.
    fn step_batch(
        &self,
        py: Python<'_>,
        sessions: Vec<Py<Session>>,
        tokens: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let tokens = ids(tokens)?;
        Ok(step_together(py, &self.model, &sessions, &tokens)?)
    }

    fn __repr__(&self) -> String {
        let info = self.model.info();
        let from = match &self.source {
            Source::Path(path) => format!("{path:?}"),
            Source::Bytes(_) => "bytes".to_owned(),
            Source::Default => "default".to_owned(),
        };
        let (family, parameters) = (info.architecture, info.parameters);
        format!("<atome.Model {from}: {family}, {parameters} parameters>")
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let this = slf.get();
        let again = py.get_type::<Model>().getattr("_again")?;
        let source: Bound<'py, PyAny> = match &this.source {
            Source::Path(path) => path.into_pyobject(py)?.into_any(),
            Source::Bytes(bytes) => bytes.bind(py).clone().into_any(),
            Source::Default => py.None().into_bound(py),
        };
        let arguments = (source, this.options.bind(py).clone());
        PyTuple::new(py, [again, arguments.into_pyobject(py)?.into_any()])
    }

    /// The same model again, in another process.
    #[classmethod]
    fn _again(
        _: &Bound<'_, PyType>,
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Model> {
        let source = if source.is_none() {
            Source::Default
        } else if let Ok(bytes) = source.cast::<PyBytes>() {
            Source::Bytes(bytes.clone().unbind())
        } else {
            Source::Path(source.extract()?)
        };
        Model::open(source, Some(options), py)
    }
}
