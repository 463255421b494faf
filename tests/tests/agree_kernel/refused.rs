use atome::kernel::{CallError, Kernel, KernelSpec, Op, Packing};

#[track_caller]
fn message(result: Result<(), CallError>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[test]
fn arguments_that_do_not_fit() {
    let (ids, table) = ([1, 0], [1.0f32; 12]);
    let mut out = [0.0f32; 8];
    let kernel = Kernel::new(&KernelSpec::new(Op::LookupF32).bind("d_model", 4)).unwrap();
    let dims = [("vocab", 3), ("tokens", 2)];
    let mut call = |dims: &[(&str, usize)], ids: &[i32], table: &[f32]| {
        let buffers = &mut [ids.into(), table.into(), (&mut out).into()];
        kernel.call(dims, buffers, &[])
    };
    let twice = [dims[0], dims[1], dims[1]];
    let bound = [dims[0], dims[1], ("d_model", 4)];
    let huge = [("vocab", 3), ("tokens", usize::MAX)];
    let range = format!(
        "dimension `tokens` is {}, expected 0 to 2147483648",
        usize::MAX
    );
    let cases: [(&[_], &[i32], &[f32], &str); 8] = [
        (
            &dims,
            &[1, 3],
            &table,
            "`ids` has 3 at position 1, expected 0 to 2",
        ),
        (
            &dims,
            &[-1, 0],
            &table,
            "`ids` has -1 at position 0, expected 0 to 2",
        ),
        (&dims, &[1], &table, "`ids` has 1 elements, expected 2"),
        (
            &dims,
            &ids,
            &table[1..],
            "`table` has 11 elements, expected 12",
        ),
        (
            &dims[1..],
            &ids,
            &table,
            "nothing gives the dimension `vocab`",
        ),
        (
            &twice,
            &ids,
            &table,
            "`tokens` is no open dimension, or is given twice",
        ),
        (
            &bound,
            &ids,
            &table,
            "`d_model` is no open dimension, or is given twice",
        ),
        (&huge, &ids, &table, &range),
    ];
    assert_eq!(call(&dims, &ids, &table), Ok(()));
    for (dims, ids, table, expected) in cases {
        message(call(dims, ids, table), expected);
    }
    let none = kernel.call(&dims, &mut [(&ids).into()], &[]);
    message(none, "expected 3 buffers, found 1");
    let buffers = &mut [(&ids).into(), (&ids).into(), (&mut out).into()];
    let words = kernel.call(&dims, buffers, &[]);
    message(words, "`table` is `&[i32]`, expected `&[f32]`");
    let buffers = &mut [(&ids).into(), (&table).into(), (&table).into()];
    let shared = kernel.call(&dims, buffers, &[]);
    message(shared, "`out` is `&[f32]`, expected `&mut [f32]`");
    let buffers = &mut [(&ids).into(), (&table).into(), (&mut out).into()];
    let more = kernel.call(&dims, buffers, &[1.0]);
    message(more, "expected 0 scalars, found 1");
}

#[test]
fn dimensions_that_do_not_fit_each_other() {
    let spec = KernelSpec::new(Op::Gemm).packing(Packing::Int2);
    let kernel = Kernel::new(&spec.bind("out_stride", 3)).unwrap();
    let dims = [("rows", 4), ("cols", 16), ("tokens", 2)];
    let (w, x, mut out) = ([0u32; 16], [0.0f32; 32], [0.0f32; 7]);
    let buffers = &mut [(&w).into(), (&x).into(), (&mut out).into()];
    let refused = kernel.call(&dims, buffers, &[1.0]);
    message(
        refused,
        "dimension `out_stride` is 3, expected 4 to 2147483648",
    );

    let append = Kernel::new(&KernelSpec::new(Op::KvAppend)).unwrap();
    let dims = [("d_head", 1), ("d_model", 1), ("capacity", 17), ("slot", 0)];
    let (k, v, mut keys, mut values) = ([1.0f32], [1.0f32], [0.0f32; 17], [0.0f32; 17]);
    let buffers = &mut [
        (&k).into(),
        (&v).into(),
        (&mut keys).into(),
        (&mut values).into(),
    ];
    let refused = append.call(&dims, buffers, &[]);
    message(
        refused,
        "dimension `capacity` is 17, expected a multiple of 16",
    );
    let dims = [
        ("d_head", 1),
        ("d_model", 1),
        ("capacity", 16),
        ("slot", 16),
    ];
    let refused = append.call(&dims, buffers, &[]);
    message(refused, "dimension `slot` is 16, expected 0 to 15");
}

#[test]
fn what_is_no_kernel() {
    let refused = |spec: KernelSpec| Kernel::new(&spec).unwrap_err().to_string();
    let missing = refused(KernelSpec::new(Op::Gemv));
    assert!(missing.contains("needs a packing"), "{missing}");
    let unknown = refused(KernelSpec::new(Op::Exp).bind("rows", 3));
    assert_eq!(unknown, "`exp` has no dimension `rows`, expected one of n");
    assert_eq!(
        refused(KernelSpec::new(Op::Map)),
        "`map` needs an expression"
    );
}
