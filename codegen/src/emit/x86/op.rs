//! Vector instructions: how each is written and encoded.

/// How an instruction's operands lie in its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `dst, a, b`: the destination in `reg`, `a` in `vvvv`, `b` a register or memory.
    Rvm,
    /// `dst, b`
    Rm,
    /// `b, a`: what is written is a register or memory, `a` is in `reg`.
    Mr,
    /// `b, c, a`: memory is written, `c` is in `vvvv`, `a` in `reg`.
    Mvr,
    /// `dst, b, imm`: the destination in `vvvv`, a part of the opcode in `reg`.
    Vmi(u8),
}

/// How much memory an operand is, which scales the short offsets of EVEX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tuple {
    /// As much as a register.
    Full,
    /// One number of 32 bits.
    Scalar,
    /// 128 bits.
    Quarter,
}

/// An instruction.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Op {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// 1 for `0F`, 2 for `0F 38`, 3 for `0F 3A`.
    pub(super) map: u8,
    /// 0 for none, 1 for `66`, 2 for `F3`, 3 for `F2`.
    pub(super) prefix: u8,
    pub(super) wide: bool,
    pub(super) byte: u8,
    pub(super) tuple: Tuple,
    /// The destination is read too.
    pub(super) reads_dst: bool,
    /// The operands may change places.
    pub(super) commutes: bool,
    /// There is no VEX encoding.
    pub(super) evex: bool,
    /// Writes the mask register in place of a vector.
    pub(super) writes_mask: bool,
    /// Reads the mask register in place of a vector.
    pub(super) reads_mask: bool,
    /// Takes a number of 32 bits in memory for all lanes, in EVEX.
    pub(super) broadcasts: bool,
}

impl Op {
    const fn new(name: &'static str, form: Form, map: u8, prefix: u8, byte: u8) -> Op {
        Op {
            name,
            form,
            map,
            prefix,
            wide: false,
            byte,
            tuple: Tuple::Full,
            reads_dst: false,
            commutes: false,
            evex: false,
            writes_mask: false,
            reads_mask: false,
            broadcasts: false,
        }
    }

    const fn wide(self) -> Op {
        Op { wide: true, ..self }
    }

    const fn scalar(self) -> Op {
        Op {
            tuple: Tuple::Scalar,
            ..self
        }
    }

    const fn quarter(self) -> Op {
        Op {
            tuple: Tuple::Quarter,
            ..self
        }
    }

    const fn reads_dst(self) -> Op {
        Op {
            reads_dst: true,
            ..self
        }
    }

    const fn commutes(self) -> Op {
        Op {
            commutes: true,
            ..self
        }
    }

    const fn evex(self) -> Op {
        Op { evex: true, ..self }
    }

    const fn writes_mask(self) -> Op {
        Op {
            writes_mask: true,
            evex: true,
            ..self
        }
    }

    const fn reads_mask(self) -> Op {
        Op {
            reads_mask: true,
            evex: true,
            ..self
        }
    }

    const fn broadcasts(self) -> Op {
        Op {
            broadcasts: true,
            ..self
        }
    }
}

macro_rules! ops {
    ($($name:ident = $text:literal, $form:expr, $map:literal, $prefix:literal, $byte:literal $(, $more:ident)*;)*) => {
        $(pub(super) static $name: Op = Op::new($text, $form, $map, $prefix, $byte)$(.$more())*;)*
    };
}

use Form::{Mr, Mvr, Rm, Rvm, Vmi};

/// What [`PICK_WIDE`] picks for the first 128 bits in both halves.
pub(super) const FIRST_QUARTER: u8 = 0x44;

ops! {
    MOV = "vmovaps", Rm, 1, 0, 0x28;
    LOAD = "vmovups", Rm, 1, 0, 0x10;
    STORE = "vmovups", Mr, 1, 0, 0x11;
    LOAD_SCALAR = "vmovss", Rm, 1, 2, 0x10, scalar;
    STORE_SCALAR = "vmovss", Mr, 1, 2, 0x11, scalar;
    MASK_LOAD = "vmaskmovps", Rvm, 2, 1, 0x2c;
    MASK_STORE = "vmaskmovps", Mvr, 2, 1, 0x2e;
    // Of integers: that of floats takes a Zen 4 an operation more where what follows works on integers.
    BROADCAST = "vpbroadcastd", Rm, 2, 1, 0x58, scalar;

    ADD_PS = "vaddps", Rvm, 1, 0, 0x58, broadcasts;
    SUB_PS = "vsubps", Rvm, 1, 0, 0x5c, broadcasts;
    MUL_PS = "vmulps", Rvm, 1, 0, 0x59, broadcasts;
    DIV_PS = "vdivps", Rvm, 1, 0, 0x5e, broadcasts;
    MAX_PS = "vmaxps", Rvm, 1, 0, 0x5f, broadcasts;
    MIN_PS = "vminps", Rvm, 1, 0, 0x5d, broadcasts;
    SQRT_PS = "vsqrtps", Rm, 1, 0, 0x51, broadcasts;
    ADD_SS = "vaddss", Rvm, 1, 2, 0x58, scalar;
    SUB_SS = "vsubss", Rvm, 1, 2, 0x5c, scalar;
    MUL_SS = "vmulss", Rvm, 1, 2, 0x59, scalar;
    DIV_SS = "vdivss", Rvm, 1, 2, 0x5e, scalar;
    MAX_SS = "vmaxss", Rvm, 1, 2, 0x5f, scalar;
    MIN_SS = "vminss", Rvm, 1, 2, 0x5d, scalar;
    SQRT_SS = "vsqrtss", Rvm, 1, 2, 0x51, scalar;
    TO_FLOAT = "vcvtdq2ps", Rm, 1, 0, 0x5b, broadcasts;
    CMP_PS = "vcmpps", Rvm, 1, 0, 0xc2;
    CMP_PS_MASK = "vcmpps", Rvm, 1, 0, 0xc2, writes_mask, broadcasts;

    AND_PS = "vandps", Rvm, 1, 0, 0x54, commutes, broadcasts;
    XOR_PS = "vxorps", Rvm, 1, 0, 0x57, commutes, broadcasts;
    AND_D = "vpand", Rvm, 1, 1, 0xdb, commutes, broadcasts;
    AND_NOT_D = "vpandn", Rvm, 1, 1, 0xdf, broadcasts;
    OR_D = "vpor", Rvm, 1, 1, 0xeb, commutes, broadcasts;
    XOR_D = "vpxor", Rvm, 1, 1, 0xef, commutes, broadcasts;
    TERNARY = "vpternlogd", Rvm, 3, 1, 0x25, reads_dst, evex, broadcasts;

    ADD_D = "vpaddd", Rvm, 1, 1, 0xfe, commutes, broadcasts;
    SUB_D = "vpsubd", Rvm, 1, 1, 0xfa, broadcasts;
    MUL_D = "vpmulld", Rvm, 2, 1, 0x40, commutes, broadcasts;
    SHIFT_LEFT_D = "vpslld", Vmi(6), 1, 1, 0x72, broadcasts;
    SHIFT_RIGHT_D = "vpsrld", Vmi(2), 1, 1, 0x72, broadcasts;
    SHIFT_SIGNED_D = "vpsrad", Vmi(4), 1, 1, 0x72, broadcasts;
    ROTATE_RIGHT_D = "vprord", Vmi(0), 1, 1, 0x72, evex, broadcasts;
    SHIFT_LEFT_W = "vpsllw", Vmi(6), 1, 1, 0x71;
    SHIFT_RIGHT_W = "vpsrlw", Vmi(2), 1, 1, 0x71;
    SHIFT_SIGNED_W = "vpsraw", Vmi(4), 1, 1, 0x71;
    GREATER_D = "vpcmpgtd", Rvm, 1, 1, 0x66;
    EQUAL_D = "vpcmpeqd", Rvm, 1, 1, 0x76, commutes;
    GREATER_B = "vpcmpgtb", Rvm, 1, 1, 0x64;
    CMP_D_MASK = "vpcmpd", Rvm, 3, 1, 0x1f, writes_mask, broadcasts;
    CMP_B_MASK = "vpcmpb", Rvm, 3, 1, 0x3f, writes_mask;
    TEST_B_MASK = "vptestmb", Rvm, 2, 1, 0x26, writes_mask;
    SIGNS_B_MASK = "vpmovb2m", Rm, 2, 2, 0x29, writes_mask;
    LANES_OF_MASK = "vpmovm2d", Rm, 2, 2, 0x38, reads_mask;
    BYTES_OF_MASK = "vpmovm2b", Rm, 2, 2, 0x28, reads_mask;

    ADD_W = "vpaddw", Rvm, 1, 1, 0xfd, commutes;
    ADD_B = "vpaddb", Rvm, 1, 1, 0xfc, commutes;
    ADD_SATURATED_B = "vpaddusb", Rvm, 1, 1, 0xdc, commutes;
    SUB_B = "vpsubb", Rvm, 1, 1, 0xf8;
    SIGN_B = "vpsignb", Rvm, 2, 1, 0x08;
    SHUFFLE_B = "vpshufb", Rvm, 2, 1, 0x00;
    PAIRS = "vpmaddubsw", Rvm, 2, 1, 0x04;
    MADD_W = "vpmaddwd", Rvm, 1, 1, 0xf5, commutes;
    MUL_HIGH_W = "vpmulhuw", Rvm, 1, 1, 0xe4, commutes;
    DOT = "vpdpbusd", Rvm, 2, 1, 0x50, reads_dst, broadcasts;
    PACK_D = "vpackssdw", Rvm, 1, 1, 0x6b;
    PACK_W = "vpacksswb", Rvm, 1, 1, 0x63;

    BLEND = "vblendmps", Rvm, 2, 1, 0x65, evex, broadcasts;
    BLEND_BY_SIGN = "vblendvps", Rvm, 3, 1, 0x4a;
    PERMUTE = "vpermps", Rvm, 2, 1, 0x16, broadcasts;
    PERMUTE_D = "vpermd", Rvm, 2, 1, 0x36, broadcasts;
    PERMUTE_QUARTER = "vpermilps", Rvm, 2, 1, 0x0c, broadcasts;
    PERMUTE_W = "vpermw", Rvm, 2, 1, 0x8d, wide, evex;
    PERMUTE2_W = "vpermt2w", Rvm, 2, 1, 0x7d, wide, evex, reads_dst;
    PERMUTE2_B = "vpermt2b", Rvm, 2, 1, 0x7d, evex, reads_dst;
    PICK_QUARTER = "vpermilps", Rm, 3, 1, 0x04, broadcasts;
    PICK_WIDE = "vpermq", Rm, 3, 1, 0x00, wide;
    LOAD_QUARTER_TO_ALL = "vbroadcasti128", Rm, 2, 1, 0x5a, quarter;
    QUARTERS = "vshuff32x4", Rvm, 3, 1, 0x23, evex;
    HALF = "vextractf64x4", Mr, 3, 1, 0x1b, wide, evex;
    QUARTER = "vextractf128", Mr, 3, 1, 0x19, quarter;
    HIGH_LANES = "vmovhlps", Rvm, 1, 0, 0x12;
    ODD_LANES = "vmovshdup", Rm, 1, 2, 0x16;
}
