//! The world that typst sees: our templates, one file of data, fonts. No clock, no disk, no network.

use std::collections::HashMap;
use std::sync::Arc;

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, PathError, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};
use typst_kit::fonts::FontStore;

/// As templates read it.
const DATA: &str = "data.json";

/// A document's world. Clones share what all documents of a request have alike.
#[derive(Clone)]
pub(crate) struct Sheet {
    common: Arc<Common>,
    main: FileId,
    data: Bytes,
}

struct Common {
    library: LazyHash<Library>,
    fonts: FontStore,
    sources: HashMap<FileId, Source>,
}

impl Sheet {
    /// With those templates and no data yet.
    ///
    /// # Errors
    /// A name that is no file's.
    pub(crate) fn new<'a>(
        fonts: FontStore,
        templates: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, PathError> {
        let sources = templates
            .map(|(name, text)| {
                let id = id(name)?;
                Ok((id, Source::new(id, text.to_owned())))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            common: Arc::new(Common {
                library: LazyHash::new(Library::default()),
                fonts,
                sources,
            }),
            main: id(DATA)?,
            data: Bytes::new([]),
        })
    }

    /// Chooses the template and the data of the next document. What depends on neither stays in typst's memory.
    ///
    /// # Errors
    /// A name that is no file's.
    pub(crate) fn show(&mut self, template: &str, data: Vec<u8>) -> Result<(), PathError> {
        self.main = id(template)?;
        self.data = Bytes::new(data);
        Ok(())
    }
}

/// The name of a template in the world.
fn id(name: &str) -> Result<FileId, PathError> {
    Ok(RootedPath::new(VirtualRoot::Project, VirtualPath::new(name)?).intern())
}

/// The name that people know a template by.
pub(crate) fn name(id: FileId) -> String {
    id.vpath().get_without_slash().to_owned()
}

impl World for Sheet {
    fn library(&self) -> &LazyHash<Library> {
        &self.common.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.common.fonts.book()
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        self.common
            .sources
            .get(&id)
            .cloned()
            .ok_or_else(|| FileError::Other(Some("a handout has no such file".into())))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if name(id) == DATA {
            return Ok(self.data.clone());
        }
        self.source(id)
            .map(|source| Bytes::from_string(source.text().to_owned()))
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.common.fonts.font(index)
    }

    /// None: a handout of today is that of tomorrow.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
