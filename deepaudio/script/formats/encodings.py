"""Which code page a text without a byte order mark is in: every candidate is read and weighed by the letters of its language.

A subtitle has too few bytes for the general detectors (charset-normalizer takes KOI8-R for Shift-JIS and Turkish for
cp1250), but few code pages are in use and each has letters that stand out. English needs none of them beyond cp1252, so a
text that reads better as something else is not guessed at but named.
"""

import unicodedata
from typing import NamedTuple

_MARKS = "“”‘’–—…«»„•™©®°£€½¼¾²³¡¿·§×±º\u00a0\u00ad"
_LATIN = {
    "French": "éèêëàâçîïôûùüœæ",
    "German": "äöüß",
    "Spanish": "áéíóúñü",
    "Portuguese": "áâãàçéêíóôõú",
    "Italian": "àèéìòù",
    "Nordic": "åäöæøéü",
    "Dutch": "éëïöüè",
    "Icelandic": "áðéíóúýþæö",
}
_FREQUENT_HAN = "的一是不了在人有我他这個们來到時大地為子中你說生國年著就那和要她出也得里後自以會家可下而過天去能對小多然於心學么之都好看起發當沒成只如事把還用第樣道想作種開美總從無情己面最女但現前些所同日手又行意動方期它頭經長兒回位分愛老因很給名法間斯知世什兩次使身者被高已親其進此話常與活正感見明問力理爾點文幾定本公特做外孩相西果走將月十實向聲車全信重三機工物氣每並別真打太新比才便夫再書部水像眼等體卻加電主界門利海受聽表德少克代員許稜先口由死安寫性馬光白或住難望教命花結樂色更拉東神記處讓母父應直字場平報友關放至張認接告入笑內英軍候民歲往何度山覺路帶萬男邊風解叫任金快原吃媽變通師立象數四失滿戰遠格士音輕目條呢这个们来时为说国着会对过发当没还样种开总从无见问两几点后里机气头动学话爱谢怎么您吗吧今朋友谁请让给呢"
_KANA = "".join(map(chr, range(0x3041, 0x30FB))) + "ー、。！？"
_HANGUL = "이다는을를에가고한지의기어나요세안녕하들은도사로자서리라아시만게인해대그것수있없습니까네말내무정보여일제거저러면우와주야오구친생각뭐왜좋알았었겠죠데부장마음때할될미스전화"


class _Page(NamedTuple):
    """A code page with the language it is used for; `common` letters weigh most."""

    codec: str
    name: str
    language: str
    letters: str
    common: str = ""


_CYRILLIC = ("абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґўђјљњћџ", "оеаинтсрвл")
_GREEK = ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ", "αοιετσνηυρ")
_HEBREW = ("אבגדהוזחטיכךלמםנןסעפףצץקרשת", "יוהלאמרתבש")
_ARABIC = ("ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأإؤئپچژگ", "الينموهربت")
_THAI = ("".join(map(chr, range(0x0E01, 0x0E5C))), "านรอกเงมยลวดทสต่้ัี")
_WESTERN = tuple(
    _Page(codec, name, language, letters)
    for codec, name in (
        ("cp1252", "Windows-1252"),
        ("mac_roman", "Mac Roman"),
        ("cp850", "DOS 850"),
    )
    for language, letters in _LATIN.items()
)
_OTHERS = (
    _Page("cp1251", "Windows-1251", "Cyrillic", *_CYRILLIC),
    _Page("koi8_r", "KOI8-R", "Cyrillic", *_CYRILLIC),
    _Page("cp866", "DOS 866", "Cyrillic", *_CYRILLIC),
    _Page("iso8859_5", "ISO 8859-5", "Cyrillic", *_CYRILLIC),
    _Page("mac_cyrillic", "Mac Cyrillic", "Cyrillic", *_CYRILLIC),
    _Page("cp1250", "Windows-1250", "Polish", "ąćęłńóśźż"),
    _Page("cp1250", "Windows-1250", "Czech or Slovak", "áčďéěíňóřšťúůýžľĺŕäô"),
    _Page("cp1250", "Windows-1250", "Hungarian", "áéíóöőúüű"),
    _Page("cp1250", "Windows-1250", "Romanian", "ăâîşţ"),
    _Page("cp1250", "Windows-1250", "Croatian", "čćđšž"),
    _Page("iso8859_2", "ISO 8859-2", "Polish", "ąćęłńóśźż"),
    _Page("iso8859_2", "ISO 8859-2", "Czech or Slovak", "áčďéěíňóřšťúůýžľĺŕäô"),
    _Page("iso8859_2", "ISO 8859-2", "Hungarian", "áéíóöőúüű"),
    _Page("cp1257", "Windows-1257", "Baltic", "āčēģīķļņšūžąęėįųõäöü"),
    _Page("cp1254", "Windows-1254", "Turkish", "çğıİöşüâ"),
    _Page("cp1253", "Windows-1253", "Greek", *_GREEK),
    _Page("iso8859_7", "ISO 8859-7", "Greek", *_GREEK),
    _Page("cp1255", "Windows-1255", "Hebrew", *_HEBREW),
    _Page("cp1256", "Windows-1256", "Arabic", *_ARABIC),
    _Page("cp874", "Windows-874", "Thai", *_THAI),
    _Page(
        "cp1258",
        "Windows-1258",
        "Vietnamese",
        "àáâãèéêìíòóôõùúýăđĩũơư\u0300\u0301\u0303\u0309\u0323₫",
    ),
    _Page("cp932", "Shift-JIS", "Japanese", _KANA, _KANA),
    _Page("euc_jp", "EUC-JP", "Japanese", _KANA, _KANA),
    _Page("gb18030", "GBK", "Chinese", "，。！？：、“”", _FREQUENT_HAN),
    _Page("big5", "Big5", "Chinese", "，。！？：、", _FREQUENT_HAN),
    _Page("cp949", "EUC-KR", "Korean", _HANGUL, _HANGUL),
)
_SAMPLE = 20_000  # bytes that are weighed
_SURE = 0.06  # by which another page must read better than Windows-1252


class Guess(NamedTuple):
    """The best reading of some bytes: its codec, the name people know, the language, and whether a voice can speak it."""

    codec: str
    name: str
    language: str
    western: bool


def guess(content: bytes) -> Guess | None:
    """The code page of bytes that are not UTF-8; None where nothing reads well."""
    sample = bytes(b for b in content[:_SAMPLE] if b >= 0x80 or b > 0x1F or b in b"\r\n\t")
    best: tuple[float, Guess] | None = None
    western: tuple[float, Guess] | None = None
    for page in (*_WESTERN, *_OTHERS):
        text = _read(sample, page.codec, cut=len(content) > _SAMPLE)
        if text is None:
            continue
        weight = _weight(text, page)
        is_western = page in _WESTERN
        found = (weight, Guess(page.codec, page.name, page.language, is_western))
        if is_western and (western is None or weight > western[0] + 1e-9):
            western = found
        if not is_western and (best is None or weight > best[0] + 1e-9):
            best = found
    if western and western[0] > 0.4 and (best is None or western[0] + _SURE >= best[0]):
        return western[1]
    return best[1] if best and best[0] > 0.3 else None


def _read(content: bytes, codec: str, cut: bool) -> str | None:
    for tail in range(3 if cut else 1):
        try:
            return content[: len(content) - tail].decode(codec)
        except UnicodeDecodeError:
            continue
    return None


def _weight(text: str, page: _Page) -> float:
    """Mean over the characters beyond ASCII: 1 for what the language often has, less for what it rarely has, negative for what it has not."""
    total = count = 0.0
    letters, common = set(page.letters), set(page.common or page.letters)
    marks = (
        set(_MARKS)
        if not page.common or page.language in ("Cyrillic", "Greek")
        else set("“”‘’–—…«»")
    )
    for position, c in enumerate(text):
        if c.isascii():
            continue
        count += 1
        before, after = (
            text[position - 1 : position] or " ",
            text[position + 1 : position + 2] or " ",
        )
        low = c.lower() if c != "İ" else c
        if low in common:
            total += 1.0
        elif low in letters:
            total += 0.55
        elif c in marks:
            inside = before.isalpha() and after.isalpha() and c not in "’‘–—·\u00ad…"
            total += -0.5 if inside else 1.0 if page in _WESTERN else 0.6
        elif page.language in ("Japanese", "Chinese") and unicodedata.name(c, "").startswith(
            "CJK UNIFIED"
        ):
            total += 0.45
        elif page.language == "Korean" and "가" <= c <= "힣":
            total += 0.5
        else:
            total -= 0.5
        if c.isupper() and before.islower():
            total -= 0.7  # a capital inside a word: the cases of KOI8-R and cp1251 are exchanged
    return total / count if count else 1.0
