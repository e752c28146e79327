//! What an export writes, what it leaves alone, and what it refuses.

use std::os::unix::fs::PermissionsExt as _;

use super::super::testing::{built, files, inputs, told};
use super::*;

struct Place {
    folder: tempfile::TempDir,
    cache: Cache,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        Self { folder, cache }
    }

    fn to(&self) -> PathBuf {
        self.folder.path().join("web/tracing")
    }

    fn export(&self, inputs: &Inputs) -> Result<Exported, ExportError> {
        export(&self.cache, inputs, &self.to())
    }

    /// The error, without what differs between two runs.
    fn refused(&self, inputs: &Inputs) -> String {
        let told = told(&self.export(inputs).unwrap_err());
        let key = self.cache.public_key().split(':').next().unwrap();
        told.replace(&self.folder.path().display().to_string(), "FOLDER")
            .replace(key, "KEY")
    }
}

#[test]
fn all_of_a_build_is_written_once_and_nothing_else() {
    let place = Place::new();
    let inputs = inputs("one");
    let closure = built(&place.cache, &inputs);
    let first = place.export(&inputs).unwrap();
    assert_eq!(first.key, place.cache.public_key());
    // Three archives, three .narinfo, two records, nix-cache-info.
    assert_eq!((first.paths, first.files), (3, 9));
    let written = files(&place.to());
    assert_eq!(written.len(), 9, "{:?}", written.keys());
    let secret = std::fs::read_to_string(place.cache.secret_key()).unwrap();
    for (path, content) in &written {
        let mode = place.to().join(path).metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o644, "{}", path.display());
        let text = String::from_utf8_lossy(content);
        assert!(!text.contains(secret.split(':').nth(1).unwrap()));
    }
    let key = first.key.parse().unwrap();
    for inputs in [inputs.key(), inputs.core_key()] {
        let text = std::fs::read_to_string(place.to().join("builds").join(&inputs)).unwrap();
        assert_eq!(record::verified(&text, &inputs, &key).unwrap(), closure);
    }

    let second = place.export(&inputs).unwrap();
    assert_eq!((second.files, second.bytes), (0, 0));
    assert_eq!(files(&place.to()), written);
}

#[test]
fn what_is_spoiled_is_mended_and_what_others_put_there_stays() {
    let place = Place::new();
    let one = inputs("one");
    built(&place.cache, &one);
    place.export(&one).unwrap();
    let right = files(&place.to());
    let archive = right.keys().find(|path| path.starts_with("nar")).unwrap();
    std::fs::write(place.to().join(archive), "spoiled").unwrap();
    std::fs::write(place.to().join("index.html"), "hello").unwrap();
    std::fs::write(
        place.to().join("nix-cache-info"),
        "StoreDir: /nix/store\nPriority: 30\n",
    )
    .unwrap();
    assert_eq!(place.export(&one).unwrap().files, 1);
    let mut now = files(&place.to());
    assert_eq!(now.remove(Path::new("index.html")).unwrap(), b"hello");
    let info = now.remove(Path::new("nix-cache-info")).unwrap();
    assert_eq!(info, b"StoreDir: /nix/store\nPriority: 30\n");
    assert!(now.iter().all(|(path, content)| right[path] == *content));

    // Of other inputs that gave the same only the record is new; that of Bitcoin Core alone says so already.
    let two = inputs("two");
    built(&place.cache, &two);
    assert_eq!(place.export(&two).unwrap().files, 1);
}

#[test]
fn whatever_cannot_be_exported_is_told() {
    let place = Place::new();
    let one = inputs("one");
    let mut told = vec![place.refused(&one)];
    assert!(!place.to().exists(), "nothing was made");
    built(&place.cache, &one);

    let own = export(&place.cache, &one, &place.cache.folder().join("store/web")).unwrap_err();
    told.push(
        super::super::testing::told(&own)
            .replace(&place.folder.path().display().to_string(), "FOLDER"),
    );
    assert!(!place.cache.folder().join("store/web").exists());

    // Another key's files.
    let other = Place::new();
    built(&other.cache, &one);
    export(&other.cache, &one, &place.to()).unwrap();
    let before = files(&place.to());
    let hash = "1".repeat(32);
    told.push(
        place
            .refused(&one)
            .replace(&hash, "HASH")
            .replace(&"2".repeat(32), "HASH")
            .replace(&"3".repeat(32), "HASH"),
    );
    assert_eq!(files(&place.to()), before);
    std::fs::remove_dir_all(place.to()).unwrap();

    // An archive of the cache that is not the signed one, of the right size.
    let archive = place
        .cache
        .closure_of(&[&super::super::testing::path('1', "host")])
        .unwrap();
    let archive = place.cache.file(&archive[0].url);
    let size = std::fs::metadata(&archive).unwrap().len();
    std::fs::write(&archive, "x".repeat(usize::try_from(size).unwrap())).unwrap();
    told.push(
        place
            .refused(&one)
            .replace(&archive.display().to_string(), "ARCHIVE"),
    );
    assert!(
        files(&place.to())
            .keys()
            .all(|path| !path.starts_with("builds"))
    );

    // Built before the key was replaced.
    let unsigned = Place::new();
    let closure = built(&unsigned.cache, &one);
    let path = unsigned.cache.file(&closure.host.narinfo());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.split("Sig: ").next().unwrap()).unwrap();
    told.push(unsigned.refused(&one).replace(closure.host.hash(), "HASH"));
    assert!(files(&unsigned.to()).is_empty());

    // A file where the folder should be.
    std::fs::remove_dir_all(place.to()).unwrap();
    std::fs::write(place.to(), "").unwrap();
    told.push(place.refused(&one));

    let full =
        ExportError::io(Path::new("FOLDER/nar/x"))(io::Error::from(io::ErrorKind::StorageFull));
    told.push(super::super::testing::told(&full));
    let told = told.join("\n");
    let archive = archive.file_name().unwrap().to_str().unwrap();
    insta::assert_snapshot!(told.replace(archive, "ARCHIVE"));
}
