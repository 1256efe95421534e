//! Images.

use std::{collections::HashMap, time::Duration};

use bollard::{errors::Error, query_parameters::CreateImageOptions};
use futures::TryStreamExt;
use ocore_domain::{Code, Problem};
use tokio::time::timeout;

use super::{Engine, errors::is_absent};
use crate::LineSink;

/// How long the Engine may say nothing while it gets an image; unpacking a big layer takes its time.
const STALL: Duration = Duration::from_secs(300);

impl Engine {
    /// Whether an image is on the server.
    pub async fn image_present(&self, image: &str) -> Result<bool, Problem> {
        match self.docker.inspect_image(image).await {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(self.problem(error, image)),
        }
    }

    /// What an image is, whatever its name: another build has another.
    pub async fn image_id(&self, image: &str) -> Result<String, Problem> {
        let found = self.docker.inspect_image(image).await.map_err(|error| {
            if is_absent(&error) {
                not_found(image, "it is not on the server")
            } else {
                self.problem(error, image)
            }
        })?;
        found.id.ok_or_else(|| Problem::internal("an image has no id"))
    }

    /// Gets an image that is not on the server from its registry, telling how it goes on.
    pub async fn ensure_image(&self, image: &str, lines: &LineSink) -> Result<(), Problem> {
        if self.image_present(image).await? {
            lines(&format!("{image} is on the server"));
            return Ok(());
        }
        let _place = self.long().await?;
        lines(&format!("Getting {image} from its registry"));
        let (name, tag) = split(image);
        let options = CreateImageOptions {
            from_image: Some(name.to_owned()),
            tag: Some(tag.to_owned()),
            ..CreateImageOptions::default()
        };
        let mut progress = self.docker.create_image(Some(options), None, None);
        // Each layer tells every few kilobytes; its changes of state are enough.
        let mut layers: HashMap<String, String> = HashMap::new();
        loop {
            let next = timeout(STALL, progress.try_next()).await;
            let next = next.map_err(|_| not_found(image, "the registry stopped sending"))?;
            let next = next.map_err(|error| match error {
                Error::DockerStreamError { error } => not_found(image, &error),
                Error::DockerResponseServerError { message, .. } => not_found(image, &message),
                other => self.problem(other, image),
            })?;
            let Some(step) = next else { break };
            let (layer, status) = (step.id.unwrap_or_default(), step.status.unwrap_or_default());
            if layers.get(&layer) != Some(&status) {
                lines(format!("{layer}: {status}").trim_start_matches(": "));
                layers.insert(layer, status);
            }
        }
        if self.image_present(image).await? {
            Ok(())
        } else {
            Err(not_found(image, "the registry gave another"))
        }
    }
}

/// Name and tag; a digest stays with the name.
fn split(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') && !name.contains('@') => (name, tag),
        _ if image.contains('@') => (image, ""),
        _ => (image, "latest"),
    }
}

fn not_found(image: &str, why: &str) -> Problem {
    Problem::new(
        Code::ImageNotFound,
        format!("The image {image} cannot be had: {why}"),
        "Check its name, and that the server reaches the registry; or load it there by hand (docker load).",
    )
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn references_are_split() {
        assert_eq!(split("odoo:19"), ("odoo", "19"));
        assert_eq!(split("odoo"), ("odoo", "latest"));
        assert_eq!(split("host:5000/odoo"), ("host:5000/odoo", "latest"));
        assert_eq!(split("host:5000/odoo:19"), ("host:5000/odoo", "19"));
        assert_eq!(split("odoo@sha256:ab"), ("odoo@sha256:ab", ""));
    }
}
