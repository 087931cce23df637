//! Who rotates the secrets of a project.

use super::Project;
use crate::config::{Backend, Rotator, TypeRotation};

impl Project {
    /// Returns who rotates an environment's secrets of a type; None for a person.
    #[must_use]
    pub fn rotator(&self, environment: &str, secret_type: &str) -> Option<Rotator> {
        if let Some(function) = self.config.rotation_function(environment, secret_type) {
            return Some(Rotator::Function(function.to_owned()));
        }
        self.type_rotation(environment, secret_type)?.rotator(environment)
    }

    /// Returns the partner's name for a type whose secrets a partner holds.
    #[must_use]
    pub fn external_type(&self, environment: &str, secret_type: &str) -> Option<String> {
        let rotation = self.type_rotation(environment, secret_type)?;
        rotation.external_type().map(str::to_owned)
    }

    /// Returns who rotates secrets of an environment, of all types, each once.
    #[must_use]
    pub fn rotators(&self, environment: &str) -> Vec<Rotator> {
        let mut found = Vec::new();
        for secret_type in &self.enums.secret_types {
            found.extend(
                self.rotator(environment, secret_type).filter(|rotator| !found.contains(rotator)),
            );
        }
        found
    }

    /// Returns how a type is rotated without a function. A local store cannot do that.
    fn type_rotation(&self, environment: &str, secret_type: &str) -> Option<TypeRotation> {
        let is_local = self.config.store_of(environment).backend == Some(Backend::Local);
        self.secret_types.of(secret_type).rotation.filter(|_| !is_local)
    }
}
