//! Kernels of the shapes that are timed, made for each CPU tier by `#[ternary_kernel]`.

use atome_kernels::{KernelError, Packing, Tier};
use atome_spec::{Method, Op};

/// Rows of the embedding table.
pub(crate) const VOCAB: usize = 32_000;
/// Columns of the embedding table.
pub(crate) const D_MODEL: usize = 4096;

/// `(table, ids, scale, out)`
pub(crate) type Embed = fn(&[u32], &[i32], f32, &mut [f32]) -> Result<(), KernelError>;
/// `(w, x, scale, out)`
pub(crate) type Product = fn(&[u32], &[f32], f32, &mut [f32]) -> Result<(), KernelError>;

/// `(w, x, x_scale, x_sum, scale, out)`
pub(crate) type ProductI8 =
    fn(&[u32], &[u32], &[f32], &[i32], f32, &mut [f32]) -> Result<(), KernelError>;

/// A product of int8 activations.
#[derive(Clone, Copy)]
pub(crate) struct KernelI8 {
    pub(crate) op: Op,
    pub(crate) packing: Packing,
    pub(crate) method: Method,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) kernel: ProductI8,
}

/// The kernels of one tier.
pub(crate) struct Kernels {
    pub(crate) embed_int2: Embed,
    pub(crate) embed_base3: Embed,
    /// `(rows, cols, kernel)`
    pub(crate) gemv: [(usize, usize, Product); 3],
    /// `(rows, cols, kernel)`; the number of columns of `x` is open.
    pub(crate) gemm: [(usize, usize, Product); 2],
    /// With int8 activations; the number of columns of `gemm`'s `x` is open.
    pub(crate) int8: [KernelI8; 14],
}

impl Kernels {
    /// The table's lookup for a packing.
    pub(crate) fn embed(&self, packing: Packing) -> Embed {
        match packing {
            Packing::Int2 => self.embed_int2,
            Packing::Base3 => self.embed_base3,
        }
    }
}

/// The kernels of a tier; the portable ones for a tier of another architecture.
pub(crate) fn kernels(tier: Tier) -> &'static Kernels {
    match tier {
        #[cfg(target_arch = "x86_64")]
        Tier::X86_64V4 => &x86_64_v4::KERNELS,
        #[cfg(target_arch = "x86_64")]
        Tier::X86_64V3 => &x86_64_v3::KERNELS,
        #[cfg(target_arch = "x86_64")]
        Tier::X86_64V2 => &x86_64_v2::KERNELS,
        #[cfg(target_arch = "aarch64")]
        Tier::Neon => &neon::KERNELS,
        _ => &portable::KERNELS,
    }
}

/// One product of int8 activations.
// rustfmt moves the attribute's lines to the right each time it is run.
#[rustfmt::skip]
macro_rules! int8 {
    ($cpu:literal, $Op:ident $op:literal, $Packing:ident $packing:literal,
     $Method:ident $method:literal, $rows:literal x $cols:literal) => {{
        #[ternary_kernel(
                op = $op, packing = $packing, activation = "i8", method = $method,
                rows = $rows, cols = $cols, cpu = $cpu
            )]
        fn kernel(
            w: &[u32],
            x: &[u32],
            x_scale: &[f32],
            x_sum: &[i32],
            scale: f32,
            out: &mut [f32],
        ) -> Result<(), KernelError>;

        KernelI8 {
            op: Op::$Op,
            packing: Packing::$Packing,
            method: Method::$Method,
            rows: $rows,
            cols: $cols,
            kernel,
        }
    }};
}

macro_rules! tier {
    ($module:ident, $cpu:literal) => {
        mod $module {
            use super::{KernelI8, Kernels};
            use atome_kernels::{KernelError, Packing, ternary_kernel};
            use atome_spec::{Method, Op};

            #[ternary_kernel(
                        op = "embed", packing = "int2", vocab = 32000, d_model = 4096, cpu = $cpu
                    )]
            fn embed_int2(
                table: &[u32],
                ids: &[i32],
                scale: f32,
                out: &mut [f32],
            ) -> Result<(), KernelError>;

            #[ternary_kernel(
                        op = "embed", packing = "base3", vocab = 32000, d_model = 4096, cpu = $cpu
                    )]
            fn embed_base3(
                table: &[u32],
                ids: &[i32],
                scale: f32,
                out: &mut [f32],
            ) -> Result<(), KernelError>;

            #[ternary_kernel(op = "gemv", packing = "int2", rows = 256, cols = 256, cpu = $cpu)]
            fn gemv_256x256(
                w: &[u32],
                x: &[f32],
                scale: f32,
                out: &mut [f32],
            ) -> Result<(), KernelError>;

            #[ternary_kernel(op = "gemv", packing = "int2", rows = 1024, cols = 4096, cpu = $cpu)]
            fn gemv_1024x4096(
                w: &[u32],
                x: &[f32],
                scale: f32,
                out: &mut [f32],
            ) -> Result<(), KernelError>;

            #[ternary_kernel(op = "gemv", packing = "int2", rows = 4096, cols = 4096, cpu = $cpu)]
            fn gemv_4096x4096(
                w: &[u32],
                x: &[f32],
                scale: f32,
                out: &mut [f32],
            ) -> Result<(), KernelError>;

            #[ternary_kernel(op = "gemm", packing = "int2", rows = 1024, cols = 4096, cpu = $cpu)]
            fn gemm_1024x4096(
                w: &[u32],
                x: &[f32],
                scale: f32,
                out: &mut [f32],
            ) -> Result<(), KernelError>;

            #[ternary_kernel(op = "gemm", packing = "int2", rows = 4096, cols = 4096, cpu = $cpu)]
            fn gemm_4096x4096(
                w: &[u32],
                x: &[f32],
                scale: f32,
                out: &mut [f32],
            ) -> Result<(), KernelError>;

            pub(super) static KERNELS: Kernels = Kernels {
                embed_int2,
                embed_base3,
                gemv: [
                    (256, 256, gemv_256x256),
                    (1024, 4096, gemv_1024x4096),
                    (4096, 4096, gemv_4096x4096),
                ],
                gemm: [(1024, 4096, gemm_1024x4096), (4096, 4096, gemm_4096x4096)],
                int8: [
                    int8!($cpu, Gemv "gemv", Int2 "int2", Dot "dot", 256 x 256),
                    int8!($cpu, Gemv "gemv", Int2 "int2", Dot "dot", 1024 x 4096),
                    int8!($cpu, Gemv "gemv", Int2 "int2", Dot "dot", 4096 x 4096),
                    int8!($cpu, Gemv "gemv", Int2 "int2", Lut "lut", 1024 x 4096),
                    int8!($cpu, Gemv "gemv", Base3 "base3", Dot "dot", 256 x 256),
                    int8!($cpu, Gemv "gemv", Base3 "base3", Dot "dot", 1024 x 4096),
                    int8!($cpu, Gemv "gemv", Base3 "base3", Dot "dot", 4096 x 4096),
                    int8!($cpu, Gemv "gemv", Base3 "base3", Lut "lut", 1024 x 4096),
                    int8!($cpu, Gemm "gemm", Int2 "int2", Dot "dot", 1024 x 4096),
                    int8!($cpu, Gemm "gemm", Int2 "int2", Dot "dot", 4096 x 4096),
                    int8!($cpu, Gemm "gemm", Int2 "int2", Lut "lut", 1024 x 4096),
                    int8!($cpu, Gemm "gemm", Base3 "base3", Dot "dot", 1024 x 4096),
                    int8!($cpu, Gemm "gemm", Base3 "base3", Dot "dot", 4096 x 4096),
                    int8!($cpu, Gemm "gemm", Base3 "base3", Lut "lut", 1024 x 4096),
                ],
            };
        }
    };
}

tier!(portable, "portable");
#[cfg(target_arch = "aarch64")]
tier!(neon, "neon");
#[cfg(target_arch = "x86_64")]
tier!(x86_64_v2, "x86-64-v2");
#[cfg(target_arch = "x86_64")]
tier!(x86_64_v3, "x86-64-v3");
#[cfg(target_arch = "x86_64")]
tier!(x86_64_v4, "x86-64-v4");
