# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The table of codecs, Tools/codecs.txt, and the files that are made from it.

    Tools/run codecs             writes the files for Swift and C
    Tools/run codecs --check     fails if one of those files is not what the table makes
    Tools/run codecs --list      names them
    Tools/run codecs COLUMN      a column, one line for each codec
"""

import collections
import re
import sys

from .project import ROOT

TABLE = ROOT / "Tools/codecs.txt"
COLUMNS = ("id", "case", "trait", "word", "kernel", "reach", "margin", "record", "peer", "mkfs", "image")


class Codec(collections.namedtuple("Codec", COLUMNS)):
    @property
    def lower(self):
        """The trait as the names of fuzz targets and of options have it."""
        return self.trait.lower()


LICENCE = "SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0"
MADE = "Made by Tools/run codecs from Tools/codecs.txt: change that."


def read(path=TABLE):
    codecs = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != len(COLUMNS):
            sys.exit(f"{path}:{number}: {len(words)} columns, must be {len(COLUMNS)}")
        codec = Codec(*(None if word == "-" else word for word in words))
        codec = codec._replace(id=int(codec.id), reach=int(codec.reach))
        if codec.id != len(codecs):
            sys.exit(f"{path}:{number}: id {codec.id}; ids count from 0 without a gap")
        if not all(re.fullmatch(r"\w+", word or "") for word in (codec.case, codec.trait, codec.word)):
            sys.exit(f"{path}:{number}: case, trait and word must be names")
        codecs.append(codec)
    return codecs


CODECS = read()
# Those that Linux may have.
KERNEL = [codec for codec in CODECS if codec.kernel]
# Those that there is a C library of.
COMPARED = [codec for codec in CODECS if codec.peer]


def each(text, codecs=None):
    """The text for each codec, with <column> put in."""
    def one(codec):
        return re.sub(rf"<({'|'.join((*COLUMNS, 'lower'))})>", lambda found: str(getattr(codec, found[1])), text)
    return "".join(one(codec) for codec in (CODECS if codecs is None else codecs))


def swift(imports, body):
    named = "".join(f"import {name}\n" for name in imports) + "\n" * bool(imports)
    return f"// {LICENCE}\n\n// {MADE}\n\n{named}{body.strip()}\n"


def comment(mark, body):
    return f"{mark} {LICENCE}\n{mark} {MADE}\n{body}"


def core(in_c=False):
    """With `in_c`, for Core as C: whoever compiles the C says which codecs there are, so functions of C are asked."""
    bits = each("(erofs_has_<word>() == 0 ? 0 : bit(Linked<trait>.self, .<case>))\n" if in_c else
                "bit(Linked<trait>.self, .<case>)\n").strip().replace("\n", "\n      | ")
    ask = """
      guard erofs_has_<word>() != 0 else { return try visitor.visit(MissingDecoder.self, .<case>) }
      return""" if in_c else ""
    return swift(["Codecs", "CodecsInC"] if in_c else ["Codecs"], f"""
/// A compression algorithm, by its id on disk.
@frozen
public enum Algorithm: UInt8, Sendable, CaseIterable {{
{each('''  case <case> = <id>
''')}}}

extension Algorithm {{
  static var count: UInt8 {{ {len(CODECS)} }}

  /// The name that mkfs.erofs knows it by.
  public var name: StaticString {{
    switch self {{
{each('''    case .<case>: "<word>"
''')}    }}
  }}

  /// Calls the visitor with this algorithm's decoder, or with the one that stands for a codec that this build leaves out.
  @inline(__always)
  func visit<V: CodecVisitor>(_ visitor: V) throws(V.Failure) -> V.Result {{
    switch self {{
{each(f'''    case .<case>:{ask} try visitor.visit(Linked<trait>.self, .<case>)
''')}    }}
  }}
}}

{each('''
#if <trait> || !EROFS_CHOOSES_CODECS
  typealias Linked<trait> = <trait>Decoder
#else
  typealias Linked<trait> = MissingDecoder
#endif
''').lstrip()}
extension LinkedCodecs {{
  /// A bit for each algorithm id.
  static var all: UInt16 {{
    {bits}
  }}
}}

/// As large as the largest decoder of this build.
enum LargestDecoder: ~Copyable {{
  case none
{each('''  case <case>(Linked<trait>)
''')}}}

/// A number for each codec, taken from its compression record (see ``ImageCodec``); 0 without a record.
struct CodecNumbers: Equatable, Sendable {{
{each('''  var <case>: UInt32 = 0
''')}
  subscript(_ algorithm: Algorithm) -> UInt32 {{
    @inline(__always) get {{
      switch algorithm {{
{each('''      case .<case>: <case>
''')}      }}
    }}
    @inline(__always) set {{
      switch algorithm {{
{each('''      case .<case>: <case> = newValue
''')}      }}
    }}
  }}
}}
""")


def c_choice():
    """For C: what says which codecs the C has, and what Swift sees of it."""
    seen = each("int erofs_has_<word>(void) __attribute__((const));\n")
    choice = "".join(f"""#ifdef EROFS_NO_{codec.word.upper()}
EROFS_INLINE int erofs_has_{codec.word}(void) {{ return 0; }}
#else
EROFS_INLINE int erofs_has_{codec.word}(void) {{ return 1; }}
#endif
""" for codec in CODECS)
    return seen, choice


def host():
    return swift(["EROFS"], f"""
extension Algorithm {{
  /// What hosts know of it besides.
  package var onHosts: HostCodec {{
    switch self {{
{each('''    case .<case>: .<case>
''')}    }}
  }}
}}
""")


def peers():
    return swift([], f"""
/// The codecs that there is a C library of.
public enum CodecPeer: String, CaseIterable, Sendable {{
{each('''  case <case> = "<trait>"
''', COMPARED)}
  var type: any PeerLibrary.Type {{
    switch self {{
{each('''    case .<case>: <trait>Peer.self
''', COMPARED)}    }}
  }}
}}
""")


def fuzz():
    return swift(["FuzzKit"], f"""
/// The targets of the decoders, by their names.
var decoderTargets: [(name: String, make: () -> any FuzzTarget)] {{
  [
{each('''    ("<lower>", <case>Target),
''', COMPARED)}  ]
}}
""")


def bench():
    return swift(["CodecPeers", "Codecs"], f"""
extension DecodersTable {{
  /// Who decodes what in Swift.
  static var decoders: [(CodecPeer, any SwiftDecoding.Type)] {{
    [
{each('''      (.<case>, SwiftDecoder<<trait>Decoder>.self),
''', COMPARED)}    ]
  }}
}}
""")


def manifest():
    names = ", ".join(f'"{codec.trait}"' for codec in CODECS)
    text = (ROOT / "Package.swift").read_text()
    made, count = re.subn(r"^let codecs = \[.*\]$", f"let codecs = [{names}]", text, flags=re.MULTILINE)
    if count != 1:
        sys.exit("Package.swift: no line `let codecs = [...]`")
    return made


def margin(codec):
    shift, more = codec.margin.split("+")
    return f"((stored) >> {shift}) + {more}"


def kernel_header():
    """For both compilers, as pages.h, which includes it; and what decompressor_pages.c makes of it."""
    codecs = KERNEL
    reach = each("\t (algorithm) == <id> ? <reach> : \\\n", [codec for codec in codecs if codec.reach])
    inside = "".join(f"\t (algorithm) == {codec.id} ? (long)({margin(codec)}) : \\\n" for codec in codecs if codec.margin)
    text = f"""/* {LICENCE} */
/* {MADE} */
#ifndef EROFS_PAGES_CODECS_H
#define EROFS_PAGES_CODECS_H

/* One of enum erofs_pages_result. */
{each("int erofs_pages_<word>(const struct erofs_pages_request *_Nonnull request);" + chr(10), codecs)}
/* Bytes that a match can reach back in any stream of this algorithm; 0 for all that was decoded. */
#define EROFS_PAGES_REACH(algorithm) \\
\t({reach.lstrip()}\t 0)

/*
 * How far the stored bytes must end after the decoded ones for them not to be written over before they are read; -1 if no
 * distance is enough.
 */
#define EROFS_PAGES_MARGIN(algorithm, stored) \\
\t({inside.lstrip()}\t -1L)

/* The algorithms that a kernel may leave out: OPTIONAL(word, NAME, field of the record, its largest value). */
#define EROFS_PAGES_OPTIONAL_CODECS \\
"""
    lines = [f"\tEROFS_PAGES_IF_{codec.kernel}({codec.word}, {codec.kernel}, {', '.join(codec.record.split(':'))})"
             for codec in codecs[1:]]
    text += " \\\n".join(lines) + "\n"
    for codec in codecs[1:]:
        text += f"""
#ifdef CONFIG_EROFS_FS_ZIP_{codec.kernel}
#define EROFS_PAGES_IF_{codec.kernel} EROFS_PAGES_OPTIONAL
#else
#define EROFS_PAGES_IF_{codec.kernel}(...)
#endif
"""
    return text + "\n#endif\n"


def gate_parts():
    """The parts of the bare-metal gate that are decoders, compiled with Parts.swift."""
    return swift(["Codecs"], each('''
@c public func part<trait>(_ call: UnsafeRawPointer) -> Int32 {
  unsafe decode(call.load(as: Call.self), with: <trait>Decoder.self)
}
'''))


def kernel_entries():
    """The entries of the object that a kernel links, compiled with PageDecoding.swift."""
    *cases, last = [f"    {f'case {codec.id}' if codec != KERNEL[-1] else 'default'}: "
                    f"workingBytes({codec.trait}Decoder.self, firstByte)\n" for codec in KERNEL]
    return swift(["Codecs", "ErofsPagesC"], each('''
@c(erofs_pages_<word>)
public func decode<trait>(_ request: UnsafePointer<erofs_pages_request>) -> CInt {
  entry(<trait>Decoder.self, request)
}
''', KERNEL) + f'''
@c(erofs_pages_working_bytes)
public func workingBytes(_ algorithm: CInt, _ firstByte: CInt) -> Int {{
  switch algorithm {{
{"".join(cases)}{last}  }}
}}
''')


def kernel_make():
    first, *others = KERNEL
    return comment("#", f"# The name of the set of algorithms that this kernel is configured for, and what leaves out the others.\n"
                   f"erofs-pages-set := {first.word}"
                   + each("$(if $(CONFIG_EROFS_FS_ZIP_<kernel>),-<word>)", others) + "\n"
                   + each("erofs-pages-without += $(if $(CONFIG_EROFS_FS_ZIP_<kernel>),,-DEROFS_NO_<kernel>)\n", others))


FILES = {
    "Package.swift": manifest,
    "Sources/Core/EROFS/Decoding/CodecTable.swift": core,
    "Sources/Host/EROFSTools/Codecs/HostCodecTable.swift": host,
    "Tests/CodecPeers/CodecPeerTable.swift": peers,
    "Fuzzing/Sources/FuzzTargets/DecoderTargets.swift": fuzz,
    "Benchmarks/Sources/bench/Tables/DecodersTable+Codecs.swift": bench,
    "Platforms/Linux/Kernel/fs-erofs/pages_codecs.h": kernel_header,
    "Platforms/Linux/Kernel/fs-erofs/Makefile.codecs": kernel_make,
}


def stale():
    """The files that are not what the table makes, with what it makes."""
    made = {ROOT / name: make() for name, make in FILES.items()}
    return {path: text for path, text in made.items() if not path.exists() or path.read_text() != text}


def check(results, files):
    for name in FILES:
        results.check(name, ROOT / name not in stale(), "is not what Tools/codecs.txt makes: Tools/run codecs")


def main():
    words = sys.argv[1:]
    if words == ["--list"]:
        print("\n".join(FILES))
    elif len(words) == 1 and words[0] in COLUMNS:
        print("\n".join(str(getattr(codec, words[0]) or "-") for codec in CODECS))
    elif words in ([], ["--check"]):
        for path, text in stale().items():
            if words:
                print(f"  {path.relative_to(ROOT)} is not what Tools/codecs.txt makes: Tools/run codecs")
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"  made {path.relative_to(ROOT)}")
        return 1 if words and stale() else 0
    else:
        sys.exit(__doc__)
    return 0
