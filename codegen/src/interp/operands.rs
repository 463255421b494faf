//! Where values live while a function is compiled.

use super::ProgramError;
use super::compile::Compiler;
use super::op::Slot;
use crate::ir::{Elem, Type, Value};

impl Compiler<'_> {
    pub(super) fn type_of(&self, value: Value) -> Result<Type, ProgramError> {
        let ty = self.function.types.get(value.0 as usize).copied();
        ty.ok_or(ProgramError::Undefined(value))
    }

    pub(super) fn elem_of(&self, value: Value) -> Result<Elem, ProgramError> {
        match self.type_of(value)?.elem() {
            Some(elem) => Ok(elem),
            None => self.mismatch(value, "an element"),
        }
    }

    /// The register of a defined value.
    pub(super) fn slot(&self, value: Value) -> Result<Slot, ProgramError> {
        let slot = self.slots.get(value.0 as usize).copied().flatten();
        slot.ok_or(ProgramError::Undefined(value))
    }

    pub(super) fn index(&self, value: Value) -> Result<Slot, ProgramError> {
        match self.type_of(value)? {
            Type::Index => self.slot(value),
            _ => self.mismatch(value, "index"),
        }
    }

    pub(super) fn scalar(&self, value: Value) -> Result<Slot, ProgramError> {
        match self.type_of(value)? {
            Type::Scalar(_) => self.slot(value),
            _ => self.mismatch(value, "a scalar"),
        }
    }

    pub(super) fn vector(&self, value: Value) -> Result<Slot, ProgramError> {
        match self.type_of(value)? {
            Type::Vector(_) => self.slot(value),
            _ => self.mismatch(value, "a vector"),
        }
    }

    pub(super) fn mismatch<T>(
        &self,
        value: Value,
        expected: &'static str,
    ) -> Result<T, ProgramError> {
        Err(ProgramError::Type {
            value,
            expected,
            found: self.type_of(value)?,
        })
    }

    pub(super) fn entry(&mut self, value: Value) -> Result<&mut Option<Slot>, ProgramError> {
        let entry = self.slots.get_mut(value.0 as usize);
        entry.ok_or(ProgramError::Undefined(value))
    }

    /// Gives a value a register.
    pub(super) fn define(&mut self, value: Value) -> Result<Slot, ProgramError> {
        let slot = self.files.take(self.type_of(value)?)?;
        *self.entry(value)? = Some(slot);
        Ok(slot)
    }

    /// Takes a value's register back, if it still has one.
    pub(super) fn release(&mut self, value: Value) -> Result<(), ProgramError> {
        if let Some(slot) = self.entry(value)?.take() {
            let ty = self.type_of(value)?;
            self.files.give(ty, slot);
        }
        Ok(())
    }
}
