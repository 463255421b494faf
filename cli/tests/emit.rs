//! Generated code in every form: what an assembler, a linker and Rust's compiler make of it.

#[path = "emit/assembly.rs"]
mod assembly;
#[path = "emit/programs.rs"]
mod programs;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome_codegen::{ir, op};
use atome_spec::{Kind, Op};
use std::fs;
use support::Fixture;

#[test]
fn every_op_is_emitted_in_every_form() {
    let fixture = Fixture::new();
    for op in Op::NAMES {
        let of = match *op {
            "map" => ["--expr", "(x: row, y: row) { y = x * x }"],
            op => ["--op", op],
        };
        for (form, target, sign) in [
            ("rust", "x86-64-v4", "unsafe extern \"C\" fn"),
            ("rust", "interp", "unsafe extern \"C\" fn"),
            ("clif", "native", "block0"),
            ("asm", "native", "ret"),
            ("header", "cortex-a76", "#include <stdint.h>"),
        ] {
            let args = [&["emit"], &of[..], &["--target", target, "--as", form]].concat();
            let code = fixture.ok(&args);
            assert!(code.contains(sign), "{op} as {form}: {code}");
        }
        let text = fixture.ok(&[&["emit"], &of[..]].concat());
        let function = ir::parse(&text).unwrap();
        assert_eq!(function.to_string().trim_end(), text.trim_end(), "{op}");
    }
}

#[test]
fn emit_binds_dimensions() {
    let fixture = Fixture::new();
    let args = [
        "emit",
        "--op",
        "gemv",
        "--shape",
        "rows=40,cols=33",
        "--target",
        "x86-64-v3",
    ];
    let said = fixture.run(&args);
    let function = ir::parse(&said.out).unwrap();
    assert_eq!(function.name, "gemv_int2_f32_cols33_rows40");
    assert!(function.dims.is_empty());
    assert!(
        said.err
            .starts_with("gemv-int2-f32 for avx2: method=select"),
        "{}",
        said.err
    );
    let open = [
        "emit",
        "--op",
        "embed",
        "--packing",
        "base3",
        "--shape",
        "d_model=64",
        "--quiet",
    ];
    let said = fixture.run(&open);
    assert_eq!(ir::parse(&said.out).unwrap().dims, ["vocab", "tokens"]);
    assert_eq!(said.err, "");
}

/// The flags that ask for a kernel.
fn flags(kind: &Kind) -> Vec<String> {
    let mut flags = vec!["--op".to_owned(), kind.op.to_string()];
    let mut flag = |name: &str, value: String| flags.extend([name.to_owned(), value]);
    if let Some(packing) = kind.packing {
        flag("--packing", packing.to_string());
    }
    flag("--activation", kind.activation.to_string());
    if let Some(method) = kind.method {
        flag("--method", method.to_string());
    }
    flags
}

/// The code for a kernel, in a form, for a target.
fn code(fixture: &Fixture, kind: &Kind, target: &str, more: &[&str]) -> String {
    let flags = flags(kind);
    let mut args = vec!["emit", "-q", "--target", target];
    args.extend(flags.iter().map(String::as_str));
    args.extend(more);
    fixture.ok(&args)
}

/// Whether this build has Cranelift's back end for a target.
fn has_back_end(fixture: &Fixture, target: &str) -> bool {
    let args = ["emit", "--op", "silu", "--as", "clif", "--target", target];
    let said = fixture.run(&args);
    let is_missing = said.err.contains("has no back end for");
    if is_missing {
        assert_eq!((said.code, said.err.lines().count()), (Some(2), 1));
        println!("skipped: no back end for {target}, which a feature adds");
    }
    !is_missing
}

/// Every kernel there is.
fn kinds() -> Vec<Kind> {
    op::kinds()
}

#[test]
fn a_file_has_what_standard_output_would() {
    let fixture = Fixture::new();
    let old = b"something longer than what comes in its place is here now";
    fixture.write("old.rs", old);
    #[cfg(unix)]
    std::os::unix::fs::symlink("old.rs", fixture.path("link.rs")).unwrap();
    #[cfg(unix)]
    let names = ["old.rs", "lm.bin", "link.rs"];
    #[cfg(not(unix))]
    let names = ["old.rs", "lm.bin"];
    for name in names {
        let before = fs::read(fixture.path(name)).unwrap();
        let said = fixture.run(&["emit", "--op", "silu", "-o", name]);
        assert_eq!((said.code, &*said.out), (Some(2), ""), "{said:?}");
        let taken = format!("error: `{name}` is there already: choose another --output");
        assert!(said.err.starts_with(&taken), "{said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
        assert!(fs::read(fixture.path(name)).unwrap() == before, "{name}");
    }
    for (form, name) in [("ir", "new.ir"), ("rust", "old.rs"), ("asm", "new.s")] {
        let args = [
            "emit",
            "--op",
            "silu",
            "--target",
            "x86-64-v2",
            "--as",
            form,
        ];
        let printed = fixture.ok(&args);
        let said = fixture.run(&[&args[..], &["--force", "-o", name]].concat());
        assert_eq!((said.code, &*said.out), (Some(0), ""), "{said:?}");
        let written = fs::read_to_string(fixture.path(name)).unwrap();
        assert_eq!(written.trim_end(), printed.trim_end());
    }
    fixture.ok(&[
        "emit", "--op", "silu", "--as", "object", "--output", "silu.o",
    ]);
    assert!(fs::metadata(fixture.path("silu.o")).unwrap().len() > 0);
    let header = fs::read_to_string(fixture.path("silu.h")).unwrap();
    assert!(header.contains("void silu_f32("), "{header}");
    // Neither of the two is written over.
    fs::remove_file(fixture.path("silu.o")).unwrap();
    let object = ["emit", "--op", "silu", "--as", "obj", "-o", "silu.o"];
    let said = fixture.run(&object);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(!fixture.path("silu.o").exists());
    // Nor is one written where the other has no place.
    fs::remove_file(fixture.path("silu.h")).unwrap();
    fs::create_dir(fixture.path("silu.h")).unwrap();
    let said = fixture.run(&[&object[..], &["--force"]].concat());
    assert!(said.err.contains("found a directory"), "{said:?}");
    assert!(!fixture.path("silu.o").exists());
}

#[test]
fn a_schedule_that_is_asked_for_is_the_kernels() {
    let fixture = Fixture::new();
    let gemm = ["emit", "--op", "gemm", "--target", "x86-64-v3"];
    let run = |more: &[&str]| fixture.run(&[&gemm[..], more].concat());
    let selected = run(&[]);
    assert!(
        selected
            .err
            .contains("method=select mr=16 nr=4 fields=lanes prefetch=4096 unroll=4"),
        "{selected:?}"
    );
    let same = run(&["--schedule", "nr=4 unroll=4,mr=16"]);
    assert_eq!(same.out, selected.out);
    // What `--help` shows.
    for (op, schedule) in [("gemv", "mr=32"), ("gemm", "mr=32,nr=2")] {
        for form in ["ir", "rust", "clif", "asm"] {
            let layout = ["--schedule", schedule, "--as", form];
            fixture.ok(&[&["emit", "--op", op][..], &layout].concat());
        }
    }
    let pinned = run(&["--schedule", "mr=16,nr=3"]);
    assert!(
        pinned
            .err
            .contains("method=select mr=16 nr=3 fields=lanes prefetch=4096 unroll=4"),
        "{pinned:?}"
    );
    assert_ne!(pinned.out, selected.out);

    let refused = |more: &[&str]| {
        let said = run(more);
        assert_eq!((said.code, &*said.out), (Some(2), ""), "{said:?}");
        said.err
    };
    let range = refused(&["--schedule", "mr=48"]);
    assert!(
        range.contains("`mr` of the schedule is 48, expected 16, 32 or 64"),
        "{range}"
    );
    let field = refused(&["--schedule", "kc=4"]);
    assert!(field.contains("a schedule has no field `kc`"), "{field}");
    let asm = ["--as", "asm", "--backend", "aot", "--schedule", "mr=16"];
    let ahead = refused(&asm);
    assert!(ahead.contains("`--schedule` lays out"), "{ahead}");
}

#[test]
fn assembly_says_which_code_it_is() {
    let fixture = Fixture::new();
    let header = |args: &[&str]| {
        let text = fixture.ok(&[&["emit", "-q", "--as", "asm"], args].concat());
        let comments = text.lines().take_while(|line| line.starts_with(['#', '/']));
        comments
            .collect::<Vec<_>>()
            .join(" ")
            .replace("# ", "")
            .replace("// ", "")
    };
    if has_back_end(&fixture, "cortex-a76") {
        let arm = header(&["--op", "gemv", "--target", "cortex-a76"]);
        assert!(arm.contains("for cortex-a76: what runs by jit"), "{arm}");
        assert!(arm.contains("By aot runs gemv-int2-f32-neon"), "{arm}");
    }
    if !has_back_end(&fixture, "x86-64-v2") {
        return;
    }
    let small = header(&["--op", "gemv", "--target", "x86-64-v2"]);
    assert!(small.contains("what runs by jit"), "{small}");
    let wide = [
        "--op",
        "gemv",
        "--target",
        "x86-64-v4",
        "--shape",
        "rows=64,cols=64",
    ];
    let jit = header(&[&wide[..], &["--backend", "jit"]].concat());
    assert!(
        jit.contains("for x86-64-v4: what runs by jit, made by this compiler"),
        "{jit}"
    );
    assert!(jit.contains("By aot runs gemv-int2-f32-avx512f"), "{jit}");
    assert_eq!(header(&wide), jit);
    let silu = header(&["--op", "silu", "--target", "x86-64-v2"]);
    assert!(
        silu.contains("what runs by jit") && silu.contains("silu-f32-sse4.1"),
        "{silu}"
    );
    if shows_ahead_of_time() {
        let aot = header(&[&wide[..], &["--backend", "aot"]].concat());
        let start = "gemv-int2-f32-avx512f, on x86-64-v4: compiled ahead of time";
        assert!(aot.starts_with(start), "{aot}");
        assert!(
            aot.contains("It runs by aot; what runs by jit is made"),
            "{aot}"
        );
        assert!(
            aot.contains("dimensions are open, whatever --shape binds"),
            "{aot}"
        );
    }
}

/// Whether the kernels of this command can be shown: those that check their arithmetic call what
/// has no end.
fn shows_ahead_of_time() -> bool {
    let shows = cfg!(all(
        target_os = "linux",
        target_arch = "x86_64",
        not(debug_assertions)
    ));
    if !shows {
        println!("skipped: kernels ahead of time, which --release shows, on Linux, on x86-64");
    }
    shows
}

#[test]
fn an_expression_is_a_kernel_in_every_form() {
    let fixture = Fixture::new();
    let expr =
        "(f: row, i: row, h: state, y: row) { k = sigmoid(f); h = k * h + i * (1 - k); y = h }";
    let emit = |more: &[&str]| fixture.ok(&[&["emit", "-q", "--expr", expr], more].concat());
    let ir = emit(&[]);
    assert!(ir.starts_with("kernel map_f32_"), "{ir}");
    assert!(
        ir.contains("(tokens, channels, f_stride, i_stride, y_stride) {"),
        "{ir}"
    );
    assert!(ir.contains("inout h: f32[channels]"), "{ir}");
    let bound = emit(&["--shape", "tokens=1,channels=64"]);
    assert!(bound.contains("_channels64_tokens1(f_stride"), "{bound}");
    assert!(emit(&["--as", "rust", "--target", "x86-64-v3"]).contains("_mm256_"));
    let header = emit(&["--as", "header"]);
    assert!(
        header.contains("float *h") && header.contains("const float *f"),
        "{header}"
    );

    for (wrong, said) in [
        ("(x: row) { x = y }", "no operand is named `y`"),
        ("(x: row) { x = relu(x) }", "no function is named `relu`"),
        ("x = x + 1", "expected `(`, found `x`"),
    ] {
        let run = fixture.run(&["emit", "--expr", wrong]);
        assert_eq!(run.code, Some(2), "{wrong}");
        assert!(run.err.contains(said), "{}", run.err);
    }
    let missing = fixture.run(&["emit", "--op", "map"]);
    assert!(
        missing.err.contains("`map` needs an expression"),
        "{}",
        missing.err
    );
    let other = fixture.run(&["emit", "--op", "scan", "--expr", "(x: row) { x = -x }"]);
    assert!(
        other.err.contains("`scan` takes no expression"),
        "{}",
        other.err
    );
}
