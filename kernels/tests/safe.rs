//! The safe functions: the same numbers as the references, and an error for every argument that
//! does not fit.
#![cfg(feature = "aot")]

use atome_kernels::packing::{conv, embed, int8, matrix};
use atome_kernels::reference::{self, Diagonal, Ternary};
use atome_kernels::{KernelError, Op, Packing, safe};

const PACKINGS: [Packing; 2] = [Packing::Int2, Packing::Base3];
const SCALE: f32 = 0.75;

/// Numbers and trits of a linear congruential generator.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        let float = |bits: u32| bits as f32 / 4_194_304.0 - 2.0;
        (0..n).map(|_| float(self.next())).collect()
    }

    fn trits(&mut self, n: usize) -> Vec<i8> {
        (0..n).map(|_| (self.next() % 3) as i8 - 1).collect()
    }
}

#[track_caller]
fn same(found: &[f32], expected: &[f32]) {
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(found), bits(expected));
}

#[test]
fn products() {
    let mut random = Random(1);
    for (rows, cols, tokens) in [(1, 1, 1), (17, 33, 3), (64, 20, 2), (70, 100, 5), (3, 0, 2)] {
        let trits = random.trits(rows * cols);
        let w = Ternary::new(&trits, rows, cols, SCALE);
        let x = random.floats(tokens * cols);
        let mut expected = vec![0.0; tokens * rows];
        reference::gemm(w, &x, tokens, rows, &mut expected);
        let mut packed = vec![0; matrix::words(Packing::Int2, rows, cols)];
        matrix::pack_into(Packing::Int2, &trits, rows, cols, &mut packed).unwrap();
        let mut out = vec![0.0; tokens * rows];
        if cols > 0 {
            safe::gemm(rows, cols, &packed, &x, SCALE, &mut out).unwrap();
            same(&out, &expected);
        }
        let mut out = vec![0.0; rows];
        safe::gemv(&packed, &x[..cols], SCALE, &mut out).unwrap();
        same(&out, &expected[..rows]);

        let mut q = vec![0; tokens * cols];
        let (mut q_scale, mut q_sum) = (vec![0.0; tokens], vec![0; tokens]);
        reference::quantize(&x, cols, &mut q, &mut q_scale, &mut q_sum);
        reference::gemm_i8(w, &q, &q_scale, rows, &mut expected);
        let mut words = vec![0; int8::words(tokens, cols)];
        let (mut scales, mut sums) = (q_scale.clone(), q_sum.clone());
        safe::quantize(&x, &mut words, &mut scales, &mut sums).unwrap();
        same(&scales, &q_scale);
        assert_eq!(sums, q_sum);
        for (packing, gemm) in PACKINGS
            .into_iter()
            .zip([safe::gemm_int2_i8, safe::gemm_base3_i8])
        {
            let mut packed = vec![0; matrix::words(packing, rows, cols)];
            matrix::pack_into(packing, &trits, rows, cols, &mut packed).unwrap();
            let mut out = vec![0.0; tokens * rows];
            gemm(rows, cols, &packed, &words, &scales, &sums, SCALE, &mut out).unwrap();
            same(&out, &expected);
        }
    }
}

#[test]
fn rows_of_tables() {
    let mut random = Random(2);
    let (vocab, d_model, ids) = (5, 70, [4, 0, 4]);
    let trits = random.trits(vocab * d_model);
    let mut expected = vec![0.0; ids.len() * d_model];
    reference::embed(
        Ternary::new(&trits, vocab, d_model, SCALE),
        &ids,
        &mut expected,
    );
    for (packing, embed) in PACKINGS
        .into_iter()
        .zip([safe::embed_int2, safe::embed_base3])
    {
        let mut table = vec![0; embed::words(packing, vocab, d_model)];
        embed::pack_into(packing, &trits, vocab, d_model, &mut table).unwrap();
        let mut out = vec![0.0; ids.len() * d_model];
        embed(d_model, &ids, &table, SCALE, &mut out).unwrap();
        same(&out, &expected);
        for found in [-1, 5, i32::MIN, i32::MAX] {
            let position = 2;
            let refused = embed(d_model, &[0, 4, found], &table, SCALE, &mut out);
            assert_eq!(
                refused,
                Err(KernelError::Id {
                    position,
                    found,
                    vocab
                })
            );
        }
    }
    let table = random.floats(vocab * d_model);
    let mut out = vec![0.0; ids.len() * d_model];
    reference::lookup_f32(&table, d_model, &ids, &mut expected);
    safe::lookup_f32(d_model, &ids, &table, &mut out).unwrap();
    same(&out, &expected);
    assert!(safe::lookup_f32(d_model, &[5], &table, &mut out[..d_model]).is_err());
    assert!(safe::lookup_f16(d_model, &[0], &[], &mut out[..d_model]).is_err());
    assert!(safe::lookup_i8(d_model, &[0], &[], &[], &mut out[..d_model]).is_err());
}

#[test]
fn recurrences_and_norms() {
    let mut random = Random(3);
    let (channels, taps, tokens) = (19, 3, 4);
    let x = random.floats(tokens * channels);
    let [decay, b, c, beta] = [0; 4].map(|_| random.floats(channels));
    let mut states = [random.floats(channels), vec![]];
    states[1] = states[0].clone();
    let mut outs = [vec![0.0; x.len()], vec![0.0; x.len()]];
    let diagonal = Diagonal {
        decay: &decay,
        b: &b,
        c: &c,
    };
    reference::scan(diagonal, &x, &mut states[0], &mut outs[0]);
    safe::scan(&decay, &b, &c, &x, &mut states[1], &mut outs[1]).unwrap();
    same(&states[1], &states[0]);
    same(&outs[1], &outs[0]);

    let trits = random.trits(channels * taps);
    let mut w = vec![0; conv::words(channels, taps)];
    conv::pack_into(&trits, channels, taps, &mut w).unwrap();
    let mut histories = [random.floats((taps - 1) * channels), vec![]];
    histories[1] = histories[0].clone();
    let filters = Ternary::new(&trits, channels, taps, SCALE);
    reference::conv1d(filters, &x, &mut histories[0], &mut outs[0]);
    let [_, out] = &mut outs;
    safe::conv1d(channels, taps, &w, &x, SCALE, &mut histories[1], out).unwrap();
    same(&histories[1], &histories[0]);
    same(&outs[1], &outs[0]);

    let [expected, out] = &mut outs;
    reference::norm(&x, &b, &beta, 1e-5, expected);
    safe::norm(&x, &b, &beta, 1e-5, out).unwrap();
    same(out, expected);
    reference::rms_norm(&x, &b, 1e-5, expected);
    safe::rms_norm(&x, &b, 1e-5, out).unwrap();
    same(out, expected);
    reference::softmax(&x, channels, 0.0, expected);
    safe::softmax(channels, &x, 0.0, out).unwrap();
    same(out, expected);
    reference::elementwise(Op::Silu, &[&x], expected);
    safe::silu(&x, out).unwrap();
    same(out, expected);
    reference::residual(&x, expected);
    safe::residual(channels, &x, out).unwrap();
    same(out, expected);
    let doubled: Vec<f32> = x.iter().map(|x| x + x).collect();
    reference::elementwise(Op::Div, &[&x, &doubled], expected);
    safe::div(&x, &doubled, out).unwrap();
    same(out, expected);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let most = usize::MAX;
    let dimension = |dimension, found, min, max| {
        Err(KernelError::Dimension {
            dimension,
            found,
            min,
            max,
        })
    };
    let none: (&[f32], &[u32]) = (&[], &[]);
    let refused = safe::gemm(most, 0, none.1, none.0, 1.0, &mut []);
    assert_eq!(refused, dimension("rows", most, 0, 1 << 31));
    let refused = safe::conv1d(0, 0, none.1, none.0, 1.0, &mut [], &mut []);
    assert_eq!(refused, dimension("taps", 0, 1, 4096));
    let cols = (1 << 18) + 1;
    let refused = safe::gemv_int2_i8(cols, none.1, none.1, &[1.0], &[1], 1.0, &mut []);
    assert_eq!(refused, dimension("cols", cols, 0, 1 << 18));

    let length = |argument, expected, found| {
        Err(KernelError::Length {
            argument,
            expected,
            found,
        })
    };
    let refused = safe::gemv(&[0; 15], &[1.0; 3], 1.0, &mut [0.0; 2]);
    assert_eq!(refused, length("w", 16, 15));
    assert_eq!(safe::exp(&[1.0; 3], &mut [0.0; 2]), length("out", 3, 2));
    let refused = safe::norm(&[1.0; 5], &[1.0; 2], &[1.0; 2], 0.0, &mut [0.0; 5]);
    let ragged = KernelError::NotMultiple {
        argument: "x",
        unit: 2,
        found: 5,
    };
    assert_eq!(refused, Err(ragged));
    // Nothing of nothing is nothing.
    assert_eq!(safe::gemv(&[], &[], 1.0, &mut []), Ok(()));
    assert_eq!(safe::quantize(&[], &mut [], &mut [], &mut []), Ok(()));
    assert_eq!(safe::softmax(1 << 31, &[], 0.0, &mut []), Ok(()));
}
