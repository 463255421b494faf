//! What ternary parameters are for, which the calls that read them tell.

use super::super::fault::GraphFault;
use super::super::{Arg, Call, Graph};
use super::call::Used;
use crate::tensor::{Kind, Param, Role};

/// By the number of a parameter, what it is read as, and the first call that does.
pub(super) struct Roles {
    names: Vec<String>,
    roles: Vec<Option<(Role, String)>>,
}

impl Roles {
    pub(super) fn new(graph: &Graph) -> Roles {
        Roles {
            names: graph
                .params
                .iter()
                .map(|param| param.name.clone())
                .collect(),
            roles: vec![None; graph.params.len()],
        }
    }

    /// A call reads its parameters.
    ///
    /// # Errors
    /// If another call reads one as something else.
    pub(super) fn read(&mut self, call: &Call, used: &[Used]) -> Result<(), GraphFault> {
        for used in used {
            let (Arg::Param(id), Some(role)) = (used.arg, used.role) else {
                continue;
            };
            let first = || (role, call.name.clone());
            let (first, by) = self.roles[id.0].get_or_insert_with(first);
            if *first != role {
                return Err(GraphFault::Role {
                    param: self.names[id.0].clone(),
                    first: first.described(),
                    by: by.clone(),
                    second: role.described(),
                });
            }
        }
        Ok(())
    }

    /// Tells the parameters.
    pub(super) fn assign(self, params: &mut [Param]) {
        for (param, found) in params.iter_mut().zip(self.roles) {
            if let (Kind::Ternary { role, .. }, Some((read_as, _))) = (&mut param.kind, found) {
                *role = read_as;
            }
        }
    }
}
