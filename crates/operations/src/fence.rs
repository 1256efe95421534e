//! Two control planes of one installation: the one restored later has the servers.
//!
//! Whoever restores a backup may not be able to end what it was made from: that machine may only be cut off, and come back.
//! So a control plane that was restored leaves its number on each server, as the name of an empty volume, and one that
//! finds a greater number than its own stands down. One that was never restored leaves nothing.

use ocore_domain::Problem;
use ocore_fleet::{Engine, Labels, label};
use ocore_store::plane::{self, Plane};

use crate::Hands;

/// Whose mark it is: the installation's id, which a restore does not change.
const INSTALLATION: &str = "sh.ocore.installation";
/// How marks are named; the installation and the number follow.
const PREFIX: &str = "ocore-plane";

fn labels(plane: &Plane) -> Labels {
    let of = |(name, value): (&str, String)| (name.to_owned(), value);
    [
        (label::MANAGED, "true".to_owned()),
        (INSTALLATION, plane.installation_id.to_string()),
    ]
    .map(of)
    .into()
}

fn name(plane: &Plane, epoch: i64) -> String {
    let id = plane.installation_id.simple().to_string();
    format!("{PREFIX}-{}-{epoch}", id.get(..8).unwrap_or_default())
}

/// The number that a mark bears.
fn epoch(mark: &str) -> Option<i64> {
    mark.rsplit_once('-')?.1.parse().ok()
}

/// Looks for the mark of a control plane that was restored later, and leaves this one's.
pub(crate) async fn look(hands: &Hands, engine: &Engine) -> Result<(), Problem> {
    let plane = plane::get(&mut *hands.store().connection().await?).await?;
    let labels = labels(&plane);
    let marks = engine.volumes(&labels).await?;
    let greatest = marks.iter().filter_map(|mark| epoch(mark)).max();
    if let Some(other) = greatest.filter(|other| *other > plane.epoch) {
        tracing::error!(
            epoch = plane.epoch,
            other,
            "a control plane that was restored later from a backup of this one has the servers: this one stands down"
        );
        plane::supersede(&mut *hands.store().connection().await?, other).await?;
        return Ok(());
    }
    if plane.epoch > 1 && greatest != Some(plane.epoch) {
        engine.ensure_volume(&name(&plane, plane.epoch), &labels).await?;
        for old in marks {
            engine.remove_volume(&old, &labels).await?;
        }
    }
    Ok(())
}

/// Takes the mark from a server that is removed.
pub(crate) async fn unmark(hands: &Hands, engine: &Engine) -> Result<(), Problem> {
    let plane = plane::get(&mut *hands.store().connection().await?).await?;
    let labels = labels(&plane);
    for mark in engine.volumes(&labels).await? {
        engine.remove_volume(&mark, &labels).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_its_number() {
        let plane = Plane {
            installation_id: uuid::Uuid::from_u128(0x1234_5678 << 96),
            epoch: 17,
            restored_at: None,
            restored_from: None,
            superseded_by: None,
        };
        let mark = name(&plane, plane.epoch);
        assert_eq!(
            (mark.as_str(), epoch(&mark)),
            ("ocore-plane-12345678-17", Some(17))
        );
        assert_eq!(epoch("ocore-plane-12345678-x"), None);
    }
}
