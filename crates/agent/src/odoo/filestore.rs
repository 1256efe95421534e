//! How large a folder is, found out slowly.

use std::{fs, path::PathBuf, time::Duration};

use tokio::time::sleep;

/// More files are not looked at: then the size is not told.
const MOST: usize = 500_000;
/// After so many it pauses: the whole agent waits for it meanwhile.
const AT_ONCE: usize = 200;
const PAUSE: Duration = Duration::from_millis(20);

/// Bytes of all files in a folder; none if it cannot be read, or has too many.
pub(super) async fn size(folder: &str) -> Option<u64> {
    let mut folders = vec![PathBuf::from(folder)];
    let (mut bytes, mut count) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).ok()? {
            let entry = entry.ok()?;
            let about = entry.metadata().ok()?;
            if about.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += about.len();
            }
            count += 1;
            if count > MOST {
                return None;
            }
            if count % AT_ONCE == 0 {
                sleep(PAUSE).await;
            }
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_files_count_and_links_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("ab")).unwrap();
        fs::write(path.join("ab/one"), vec![0; 1000]).unwrap();
        fs::write(path.join("two"), vec![0; 500]).unwrap();
        let size = size(path.to_str().unwrap()).await;
        assert_eq!(size, Some(1500));
        assert_eq!(super::size("/nonexistent").await, None);
    }
}
