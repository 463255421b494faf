//! What the attribute's arguments mean; every mistake is reported at its token.

mod dimension;

use crate::errors::Errors;
use crate::parse::{Arg, Value};
use crate::suggest::{did_you_mean, one_of};
use atome_codegen::KernelSpec;
use atome_codegen::expr::Expr;
use atome_codegen::op::{self, Callers};
use atome_spec::{Activation, Method, Op, Packing, Target, Tier};
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use std::collections::BTreeMap;
use std::str::FromStr;
use syn::Path;
use syn::parse::Parser;

/// Ops that have a kernel of their own in a user's crate.
fn ops() -> impl Iterator<Item = Op> {
    let ops = Op::ALL.iter().copied();
    ops.filter(|op| op::callers(*op) == Callers::Attributes)
}

/// Keys that are not dimensions.
const KEYS: [&str; 7] = [
    "op",
    "expr",
    "packing",
    "activation",
    "method",
    "cpu",
    "crate",
];

/// Which tiers to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cpu {
    /// All; the best one is called.
    Dispatch,
    /// One.
    Tier(Tier),
    /// None: those of `atome-kernels` are called, the best one.
    AheadOfTime,
}

/// The attribute's arguments, checked.
pub(crate) struct Checked {
    /// A specification that passes its own check if there were no mistakes; `None` if the op
    /// is not known.
    pub(crate) spec: Option<KernelSpec>,
    /// Dimensions that constants give: open in the kernel, since the macro does not know the
    /// values.
    pub(crate) constants: BTreeMap<String, TokenStream>,
    pub(crate) cpu: Cpu,
    /// The path of `atome-kernels`.
    pub(crate) krate: Path,
}

/// Checks all arguments.
pub(crate) fn check(args: &[Arg], errors: &mut Errors) -> Checked {
    let mut checker = Checker {
        args,
        errors,
        spec: None,
        constants: BTreeMap::new(),
    };
    checker.duplicates();
    checker.spec = checker.op().map(KernelSpec::new);
    checker.expression();
    checker.activation();
    for arg in args {
        checker.arg(arg);
    }
    checker.missing_packing();
    checker.overlap();
    let cpu = checker.cpu();
    let krate = checker.krate();
    Checked {
        spec: checker.spec,
        constants: checker.constants,
        cpu,
        krate,
    }
}

struct Checker<'a> {
    args: &'a [Arg],
    errors: &'a mut Errors,
    spec: Option<KernelSpec>,
    constants: BTreeMap<String, TokenStream>,
}

impl Checker<'_> {
    fn find(&self, key: &str) -> Option<&Arg> {
        self.args.iter().find(|a| a.key == key)
    }

    fn duplicates(&mut self) {
        for (i, arg) in self.args.iter().enumerate() {
            if self.args[..i].iter().any(|a| a.key == arg.key) {
                self.errors
                    .at(&arg.key, format!("`{}` is given twice", arg.key));
            }
        }
    }

    fn op(&mut self) -> Option<Op> {
        let names: Vec<&str> = ops().map(Op::name).collect();
        let Some(arg) = self.args.iter().find(|a| a.key == "op") else {
            if self.find("expr").is_some() {
                return Some(Op::Map);
            }
            let message = format!("missing `op`, one of {}", one_of(&names));
            self.errors.at_span(Span::call_site(), message);
            return None;
        };
        let op: Op = self.word(arg, &names)?;
        if op::callers(op) != Callers::Attributes {
            let message = format!(
                "`{op}` is part of atome-kernels, expected {}",
                one_of(&names)
            );
            self.errors.at(&arg.value, message);
            return None;
        }
        Some(op)
    }

    /// What an op computes that has to be told.
    fn expression(&mut self) {
        let Some(op) = self.spec.as_ref().map(|spec| spec.op) else {
            return;
        };
        let args = self.args;
        let arg = args.iter().find(|a| a.key == "expr");
        let text = match (op::has_expr(op), arg.map(|arg| (arg, &arg.value))) {
            (true, Some((_, Some(Value::Text(text))))) => text,
            (false, None) => return,
            (false, Some((arg, _))) => {
                let message = format!("`{op}` takes no expression");
                self.errors.at(&arg.key, message);
                return;
            }
            (true, Some((_, value))) => {
                let message = "`expr` needs a string, such as `\"(x: row, y: row) { y = x }\"`";
                self.errors.at(value, message);
                self.spec = None;
                return;
            }
            (true, None) => {
                let arg = self.args.iter().find(|a| a.key == "op");
                let message = format!("`{op}` needs an expression: add `expr = \"..\"`");
                let at = arg.map(|arg| arg.value.to_token_stream());
                self.errors.at(&at, message);
                self.spec = None;
                return;
            }
        };
        match text.value().parse::<Expr>() {
            Ok(expr) => self.spec = Some(KernelSpec::map(expr)),
            Err(error) => {
                self.errors.at(text, error);
                self.spec = None;
            }
        }
    }

    /// The value of an argument that names one of `known`.
    fn word<T: FromStr>(&mut self, arg: &Arg, known: &[&str]) -> Option<T> {
        let text = match arg.value.as_ref()? {
            Value::Text(text) => text,
            other => {
                let message = format!("`{}` needs a string, {}", arg.key, one_of(known));
                self.errors.at(other, message);
                return None;
            }
        };
        let word = text.value();
        let parsed = word.parse().ok();
        if parsed.is_none() {
            let near = did_you_mean(&word, known);
            let hint = if near.is_empty() {
                format!(", expected {}", one_of(known))
            } else {
                near
            };
            let message = format!("unknown {} `{word}`{hint}", arg.key);
            self.errors.at(text, message);
        }
        parsed
    }

    fn arg(&mut self, arg: &Arg) {
        let key = arg.key.to_string();
        match key.as_str() {
            "packing" => self.packing(arg),
            "method" => self.method(arg),
            key if KEYS.contains(&key) => {}
            key => self.dimension(arg, key),
        }
    }

    /// Before the packing and the method, which depend on it.
    fn activation(&mut self) {
        let args = self.args;
        let Some(arg) = args.iter().find(|a| a.key == "activation") else {
            return;
        };
        let activation: Option<Activation> = self.word(arg, Activation::NAMES);
        let (Some(activation), Some(spec)) = (activation, &mut self.spec) else {
            return;
        };
        let op = spec.op;
        if op::activations(op).any(|known| known == activation) {
            spec.activation = activation;
        } else {
            let message = format!("`{op}` has no kernel for {activation} activations");
            self.errors.at(&arg.value, message);
        }
    }

    fn packing(&mut self, arg: &Arg) {
        let packing: Option<Packing> = self.word(arg, Packing::NAMES);
        let (Some(packing), Some(spec)) = (packing, &mut self.spec) else {
            return;
        };
        let (op, activation) = (spec.op, spec.activation);
        spec.packing = Some(packing);
        let known: Vec<&str> = op::packings(op, activation)
            .iter()
            .map(|p| p.name())
            .collect();
        if known.is_empty() {
            self.errors
                .at(&arg.key, format!("`{op}` reads no packed weights"));
        } else if !known.contains(&packing.name()) {
            let message = format!(
                "`{op}` has no kernel for packing `{packing}`, expected {}",
                one_of(&known)
            );
            self.errors.at(&arg.value, message);
        }
    }

    fn method(&mut self, arg: &Arg) {
        let method: Option<Method> = self.word(arg, Method::NAMES);
        let (Some(method), Some(spec)) = (method, &mut self.spec) else {
            return;
        };
        let (op, activation) = (spec.op, spec.activation);
        if !op::is_ternary(op) {
            let message = format!("`{op}` has no ternary product, so no method");
            self.errors.at(&arg.key, message);
            return;
        }
        spec.method = Some(method);
        let known = op::methods(spec.kind());
        if !known.contains(&method) {
            let known: Vec<&str> = known.iter().map(|m| m.name()).collect();
            let message = format!(
                "`{op}` with {activation} activations has no kernel by method `{method}`, \
                 expected {}",
                one_of(&known)
            );
            self.errors.at(&arg.value, message);
        }
    }

    fn unknown(&mut self, arg: &Arg, key: &str, dims: &[&str]) {
        let known: Vec<&str> = dims.iter().chain(&KEYS).copied().collect();
        let near = did_you_mean(key, &known);
        let message = match &self.spec {
            _ if !near.is_empty() => format!("unknown key `{key}`{near}"),
            Some(spec) => format!("unknown key `{key}`: `{}` has {}", spec.op, one_of(&known)),
            // It may be a key of the op that was meant.
            None => return,
        };
        self.errors.at(&arg.key, message);
    }

    fn missing_packing(&mut self) {
        let Some(spec) = &self.spec else { return };
        let (op, activation) = (spec.op, spec.activation);
        let known: Vec<&str> = op::packings(op, activation)
            .iter()
            .map(|p| p.name())
            .collect();
        if known.is_empty() || self.find("packing").is_some() {
            return;
        }
        if let Some(arg) = self.args.iter().find(|a| a.key == "op") {
            let choices: Vec<String> = known.iter().map(|k| format!("packing = \"{k}\"")).collect();
            let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
            let message = format!("`{op}` reads packed weights: add {}", one_of(&choices));
            self.errors.at(&arg.value, message);
        }
    }

    fn cpu(&mut self) -> Cpu {
        let Some(arg) = self.args.iter().find(|a| a.key == "cpu") else {
            return Cpu::Dispatch;
        };
        if let Some(Value::Text(text)) = &arg.value {
            let word = text.value();
            if word == "dispatch" {
                return Cpu::Dispatch;
            }
            if let Some(tier) = word.parse::<Target>().ok().and_then(Target::tier) {
                return Cpu::Tier(tier);
            }
            if word == "native" {
                let message = "`native` is known only where the program runs: use `dispatch`";
                self.errors.at(text, message);
                return Cpu::Dispatch;
            }
        }
        let mut known = vec!["dispatch"];
        known.extend(Tier::NAMES);
        self.word(arg, &known).map_or(Cpu::Dispatch, Cpu::Tier)
    }

    /// A path, or a string of one.
    fn krate(&mut self) -> Path {
        let default = || syn::parse_quote!(::atome_kernels);
        let args = self.args;
        let Some(arg) = args.iter().find(|a| a.key == "crate") else {
            return default();
        };
        let parsed = match &arg.value {
            Some(Value::Text(text)) => text.parse_with(Path::parse_mod_style),
            Some(Value::Tokens(tokens)) => Parser::parse2(Path::parse_mod_style, tokens.clone()),
            Some(Value::Number(number)) => Err(syn::Error::new(number.span(), "")),
            None => return default(),
        };
        parsed.unwrap_or_else(|_| {
            let message = "`crate` needs the path of `atome-kernels`, such as `\"::kernels\"`";
            self.errors.at(&arg.value, message);
            default()
        })
    }
}
