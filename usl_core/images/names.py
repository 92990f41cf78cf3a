"""Which files are images as far as their names tell: read, of a kind that is not read, something else, or unknown."""

from __future__ import annotations

EXTENSIONS = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"),
    *(".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp", ".mpo", ".apng", ".dib", ".avifs", ".heics", ".heifs", ".hif"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".pfm"),
)
"""Names of files that are opened as images."""

RAW = "it is the raw file of a camera, which is not read; export it as JPEG, PNG or TIFF"
DRAWING = "it is a drawing made of lines, which is not read; export it as PNG"
PROJECT = "it is a project of an image editor, which is not read; export it as PNG or JPEG"
OTHER_KIND = "images of this kind are not read; convert it to PNG or JPEG"

_UNREAD = (
    (
        RAW,
        "3fr arw bay cr2 cr3 crw dcr dng erf fff gpr iiq k25 kdc mdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw",
    ),
    (RAW, "x3f"),
    (DRAWING, "svg svgz eps wmf emf cdr"),
    (PROJECT, "psd psb xcf kra ora afphoto pdn procreate"),
    (
        OTHER_KIND,
        "jxl jp2 j2k j2c jpc jpf jpx jpm jxr wdp hdp ico cur icns tga pam pcx exr dds xbm xpm sgi",
    ),
    (OTHER_KIND, "wbmp qoi flif bpg jng fits dcm dicom dpx czi nd2 svs ndpi mrxs"),
)
_CAUSES = {extension: cause for cause, extensions in _UNREAD for extension in extensions.split()}

_OTHER_FILES = (
    # text, tables, settings
    "txt text md rst csv tsv json jsonl ndjson geojson xml yaml yml toml ini cfg conf log html htm xhtml css rtf tex bib srt",
    "vtt ass nfo url plist lnk desktop xmp aae pp3 dop tfw jgw pgw wld prj cue m3u vcf ics eml gitignore gitattributes gitkeep",
    # documents and archives
    "pdf ps doc docx odt xls xlsx ods ppt pptx odp epub zip tar gz tgz bz2 tbz xz txz 7z rar zst lz4 iso dmg apk deb rpm whl",
    # programs and their parts
    "py pyc pyi ipynb r m jl c h cc cpp hpp cu java class kt go rs rb php pl lua js ts jsx tsx map sh bash zsh bat cmd ps1 exe",
    "dll so dylib o a lib obj jar",
    # numbers, weights, databases
    "npy npz pkl pickle joblib mat h5 hdf5 hdf nc parquet feather arrow tfrecord tfrecords record rec idx lst bin pt pth ckpt",
    "safetensors onnx pb tflite caffemodel prototxt weights db sqlite sqlite3 sql mdb lmdb dbf shp shx gpx kml kmz pcd ply stl",
    "las laz",
    # sound and film
    "mp3 wav flac ogg opus m4a aac wma aif aiff mid mp4 m4v mov avi mkv webm wmv mpg mpeg flv 3gp mts m2ts vob insv",
    # checksums, keys, fonts, and what is not finished
    "md5 sha1 sha256 sig asc gpg pem crt key ttf otf woff woff2 part partial crdownload download tmp swp lock torrent",
)
_OTHER_EXTENSIONS = frozenset(extension for line in _OTHER_FILES for extension in line.split())
_OTHER_NAMES = {
    *("readme", "license", "licence", "copying", "notice", "authors", "contributors", "contributing", "changelog", "changes"),
    *("todo", "install", "version", "makefile", "dockerfile", "gemfile", "rakefile", "procfile", "jenkinsfile", "vagrantfile"),
}

LIST_EXTENSIONS = (".csv", ".tsv", ".parquet", ".txt")
"""Names of files that are opened as lists of images."""


def is_list_name(name: str) -> bool:
    """Whether a file is opened as a list of images because of its name."""
    return name.lower().endswith(LIST_EXTENSIONS)


_ARCHIVES = frozenset(("zip", "tar", "tgz", "gz", "bz2", "tbz", "xz", "txz", "7z", "rar", "zst"))


def is_archive_name(name: str) -> bool:
    """Whether a file may hold many others because of its name."""
    return extension_of(name) in _ARCHIVES


def is_image_name(name: str) -> bool:
    """Whether a file is opened as an image because of its name."""
    return name.lower().endswith(EXTENSIONS)


def unread_kind(name: str) -> str | None:
    """The cause to give for an image of a kind that is not read, as far as its name tells; None for any other file."""
    return _CAUSES.get(extension_of(name))


def is_unknown_name(name: str) -> bool:
    """Whether only its first bytes can tell what a file is: it has no extension, or one that nobody knows."""
    extension = extension_of(name)
    if not extension:
        return name.rpartition("/")[2].lower() not in _OTHER_NAMES
    return extension not in _OTHER_EXTENSIONS and extension not in _CAUSES and not is_image_name(name)


def extension_of(name: str) -> str:
    """What follows the last dot of a file's name, in lower case; empty where there is none."""
    stem, _, extension = name.rpartition("/")[2].rpartition(".")
    return extension.lower() if stem else ""
