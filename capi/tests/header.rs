//! `include/atome.h` declares what the library has, with the same types, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use syn::{FnArg, Item, ItemFn, Pat, PointerMutability, ReturnType, Type};

/// Words of C in the order in which they stand, one space between them.
fn words(text: &str) -> String {
    let spaced = text.chars().flat_map(|c| {
        let is_word = c.is_alphanumeric() || c == '_' || c.is_whitespace();
        let around = if is_word { "" } else { " " };
        around.chars().chain([c]).chain(around.chars())
    });
    let spaced: String = spaced.collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What C calls a type of the library.
fn c_type(of: &Type) -> String {
    match of {
        Type::Ptr(pointer) => {
            let to = c_type(&pointer.elem);
            match pointer.mutability {
                PointerMutability::Const(_) => format!("const {to} *"),
                PointerMutability::Mut(_) => format!("{to} *"),
            }
        }
        Type::Path(path) => {
            let name = path.path.segments.last().expect("a name").ident.to_string();
            let known = match &*name {
                "i8" => "int8_t",
                "u8" => "uint8_t",
                "i32" => "int32_t",
                "u32" => "uint32_t",
                "u64" => "uint64_t",
                "f32" => "float",
                "usize" => "size_t",
                "c_int" => "int",
                "c_char" => "char",
                "Status" => "atome_status",
                "Model" => "atome_model",
                "Handle" => "atome_session",
                "Chooser" => "atome_sampler",
                "Tokenizer" => "atome_tokenizer",
                "CallerOptions" => "atome_options",
                "CallerSampling" => "atome_sampling",
                other => panic!("no type of C for {other}"),
            };
            known.to_owned()
        }
        other => panic!("no type of C for {}", quote::quote!(#other)),
    }
}

/// The declaration of a function in C.
fn declaration(function: &ItemFn) -> String {
    let signature = &function.sig;
    let parameters = signature.inputs.iter().map(|input| {
        let FnArg::Typed(input) = input else {
            panic!("a method");
        };
        let Pat::Ident(name) = &*input.pat else {
            panic!("a pattern");
        };
        let of = match &*name.ident.to_string() {
            "packing" if c_type(&input.ty) == "uint32_t" => "tern_packing".to_owned(),
            _ => c_type(&input.ty),
        };
        format!("{of} {}", name.ident)
    });
    let parameters: Vec<String> = parameters.collect();
    let parameters = match parameters.is_empty() {
        true => "void".to_owned(),
        false => parameters.join(", "),
    };
    let answer = match &signature.output {
        ReturnType::Default => "void".to_owned(),
        ReturnType::Type(_, of) => c_type(of),
    };
    words(&format!("{answer} {}({parameters})", signature.ident))
}

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Everything in the library's source.
fn items() -> Vec<Item> {
    let files = fs::read_dir(here("src")).expect("the source");
    let items = files.flat_map(|file| {
        let text = fs::read_to_string(file.expect("a file").path()).expect("text");
        syn::parse_file(&text).expect("Rust").items
    });
    items.collect()
}

/// The header without comments and lines for the preprocessor.
fn header() -> String {
    let text = fs::read_to_string(here("include/atome.h")).expect("the header");
    let mut parts = text.split("/*");
    let mut code = parts.next().expect("a first part").to_owned();
    for part in parts {
        code.push_str(part.split_once("*/").expect("the end of a comment").1);
    }
    let lines = code.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

/// What stands between `start` and `end`, once.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let mut after = text.split(start);
    after.next();
    let found = after.next().unwrap_or_else(|| panic!("no {start}"));
    assert!(after.next().is_none(), "{start} twice");
    found.split_once(end).expect("its end").0
}

#[test]
fn functions_are_declared_as_they_are() {
    let exported = items().into_iter().filter_map(|item| match item {
        Item::Fn(function) if function.sig.abi.is_some() => Some(function),
        _ => None,
    });
    let mut exported: Vec<String> = exported.map(|f| declaration(&f)).collect();
    let header = header();
    let statements = header.split(';').map(str::trim);
    let declared = statements.filter(|s| s.ends_with(')'));
    let mut declared: Vec<String> = declared
        .map(|declared| words(declared.rsplit(['{', '}']).next().expect("a part")))
        .collect();
    exported.sort();
    declared.sort();
    assert!(exported.len() > 40);
    assert_eq!(declared, exported);
}

#[test]
fn structs_have_the_same_fields() {
    let header = header();
    let mut checked = 0;
    for item in items() {
        let Item::Struct(of) = item else {
            continue;
        };
        let is_c = of.attrs.iter().any(|attr| attr.path().is_ident("repr"));
        if !is_c {
            continue;
        }
        let ident = &of.ident;
        let name = c_type(&syn::parse_quote!(#ident));
        let fields = of.fields.iter().map(|field| {
            let name = field.ident.as_ref().expect("a name");
            words(&format!("{} {name};", c_type(&field.ty)))
        });
        let declared = between(&header, &format!("typedef struct {name} {{"), "}");
        assert_eq!(
            words(declared),
            fields.collect::<Vec<_>>().join(" "),
            "{name}"
        );
        checked += 1;
    }
    assert_eq!(checked, 2);
}

#[test]
fn statuses_have_the_same_numbers() {
    let found = items().into_iter().find_map(|item| match item {
        Item::Enum(of) if of.ident == "Status" => Some(of),
        _ => None,
    });
    let variants = found.expect("the statuses").variants;
    let of_library: BTreeMap<String, String> = variants
        .iter()
        .map(|variant| {
            let mut name = "ATOME".to_owned();
            for c in variant.ident.to_string().chars() {
                if c.is_uppercase() {
                    name.push('_');
                }
                name.push(c.to_ascii_uppercase());
            }
            let (_, number) = variant.discriminant.as_ref().expect("a number");
            (name, quote::quote!(#number).to_string())
        })
        .collect();
    let header = header();
    let declared = between(&header, "typedef int32_t atome_status;\nenum {", "}");
    let of_header = declared.split(',').map(|line| {
        let (name, number) = line.split_once('=').expect("a number");
        (name.trim().to_owned(), number.trim().to_owned())
    });
    assert_eq!(of_header.collect::<BTreeMap<_, _>>(), of_library);
}

/// `packing` in `rows.rs`.
#[test]
fn packings_have_the_numbers_that_are_told_apart() {
    let header = words(&header());
    assert!(header.contains("enum { TERN_INT2 = 0 , TERN_BASE3 = 1 } ;"));
    let rows = fs::read_to_string(here("src/rows.rs")).expect("text");
    assert!(rows.contains("0 => Ok(Packing::Int2)") && rows.contains("1 => Ok(Packing::Base3)"));
}

#[test]
fn versions_are_the_packages() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, line) in [
        ("atome.pc", format!("Version: {version}\n")),
        (
            "cmake/atome-config-version.cmake",
            format!("set(PACKAGE_VERSION {version})\n"),
        ),
    ] {
        let text = fs::read_to_string(here(file)).expect("text");
        assert!(text.contains(&line), "{file} without `{line}`");
    }
}
