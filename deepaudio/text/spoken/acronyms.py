"""Tables: acronyms that are spelled, chat words, abbreviations with their point."""
# ruff: noqa: SIM905 - tables of words are read more easily in rows

SPELLED = frozenset(
    "FBI CIA NSA DEA ATF USA UK US EU UN NYC DC BBC CNN NBC ABC CBS HBO MTV DVD CD TV PC AI IT HR PR CEO CFO "
    "CTO COO VIP ATM GPS DNA RNA HIV MRI CT ER ICU EMT IQ EQ ID BMW IBM KGB LAPD NYPD SUV RV UFO USB URL HTML "
    "FAQ DIY BBQ IRS NBA NFL NHL MLB UCLA MIT NYU AC DJ OJ GMO IPO LLC MBA MD RN POV RSVP ETA FYI TBA TBD AKA "
    "DOA SOS TNT UV UPS VHS XXL XL PTSD ADHD OCD CPR CCTV CGI EKG ECG LED LCD LSD MDMA THC CBD USSR UAE IOU "
    "DUI CSI EPA FDA CDC FCC SEC WHO IMF GDP AM PM BC AD CE BCE PHD API CPU GPU RPM UI UX OS IOS QR SMS IP "
    "ISP VPN PDF AFK IRL OMG RIP NGO HQ TD EP LP IV PE GP STD IVF LGBT LGBTQ ESP ESPN GPA KFC PBS NPR DHL UAW "
    "FAA TSA SSN CV PA DA JFK MLK FDR LBJ".split()
)  # fmt: skip
"""In capitals, letter by letter even though a vowel would let them be read as words."""

LOWER = {
    "pls": "please", "plz": "please", "thx": "thanks", "tks": "thanks", "btw": "by the way", "omg": "O-M-G",
    "brb": "be right back", "nvm": "never mind", "idk": "I don't know", "tbh": "to be honest", "imo": "in my opinion",
    "imho": "in my humble opinion", "fyi": "F-Y-I", "asap": "A-S-A-P", "aka": "also known as", "tv": "T-V",
    "tvs": "T-V's", "dj": "D-J", "cd": "C-D", "dvd": "D-V-D", "phd": "P-H-D", "wtf": "W-T-F", "lmk": "let me know",
    "np": "no problem", "ttyl": "talk to you later", "smh": "shaking my head", "w/o": "without", "b/c": "because",
    "c/o": "care of", "n/a": "not applicable", "q&a": "Q and A", "gps": "G-P-S", "cctv": "C-C-T-V", "vip": "V-I-P",
    "ufo": "U-F-O", "faq": "F-A-Q", "diy": "D-I-Y", "bbq": "barbecue", "ok": "okay", "o.k": "okay", "vr": "V-R", "usb": "U-S-B",
}  # fmt: skip
"""Lower or mixed case, words of their own."""

TITLES = {
    "mr": "Mister", "mrs": "Missus", "ms": "Miz", "dr": "Doctor", "prof": "Professor", "st": "Saint", "mt": "Mount",
    "ft": "Fort", "gen": "General", "gov": "Governor", "sen": "Senator", "rep": "Representative", "capt": "Captain",
    "cpt": "Captain", "lt": "Lieutenant", "col": "Colonel", "sgt": "Sergeant", "cmdr": "Commander", "rev": "Reverend",
    "hon": "Honorable", "pres": "President", "supt": "Superintendent", "cpl": "Corporal", "maj": "Major",
    "adm": "Admiral", "msgr": "Monsignor", "messrs": "Messers", "insp": "Inspector", "det": "Detective", "pvt": "Private",
}  # fmt: skip
"""In front of a name."""

BEHIND = {
    "st": "Street", "ave": "Avenue", "blvd": "Boulevard", "rd": "Road", "ln": "Lane", "hwy": "Highway", "dr": "Drive",
    "pkwy": "Parkway", "sq": "Square", "ct": "Court", "jr": "Junior", "sr": "Senior", "inc": "Incorporated",
    "ltd": "Limited", "corp": "Corporation", "co": "Company", "bros": "Brothers", "pl": "Place", "esq": "Esquire",
}  # fmt: skip
"""Behind a name."""

POINTED = {
    "etc": "et cetera", "approx": "approximately", "est": "established", "vs": "versus", "e.g": "for example",
    "i.e": "that is", "a.k.a": "also known as", "cf": "compare", "et al": "and others", "incl": "including",
    "excl": "excluding", "esp": "especially", "misc": "miscellaneous", "tel": "telephone", "ext": "extension",
    "appt": "appointment", "apt": "apartment", "bldg": "building", "dept": "department", "univ": "university",
    "govt": "government", "assn": "association", "assoc": "associate", "min": "minimum", "max": "maximum",
    "avg": "average", "ca": "circa", "vol": "volume", "vols": "volumes", "fig": "figure", "figs": "figures",
    "ch": "chapter", "pp": "pages", "eds": "editors", "nos": "numbers", "tsp": "teaspoon", "tbsp": "tablespoon",
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "thur": "Thursday",
    "thurs": "Thursday", "fri": "Friday", "temp": "temperature", "fwd": "forward", "orig": "originally",
    "hrs": "hours", "yrs": "years",
    "lbs": "pounds", "oz": "ounces", "sq": "square", "dist": "district", "mtg": "meeting", "mgr": "manager",
    "asst": "assistant", "acct": "account", "attn": "attention", "dob": "date of birth", "ref": "reference",
    "w/": "with", "ibid": "ibid", "viz": "namely", "resp": "respectively", "op cit": "op cit", "atty": "attorney",
}  # fmt: skip
"""With a point, anywhere."""

BARE = {"vs": "versus", "etc": "et cetera", "approx": "approximately", "eg": "for example", "mr": "Mister",
        "mrs": "Missus", "ms": "Miz", "dr": "Doctor", "hr": "hour", "hrs": "hours", "mins": "minutes", "secs": "seconds",
        "yrs": "years", "lbs": "pounds", "jr": "Junior", "sgt": "Sergeant", "lt": "Lieutenant", "blvd": "Boulevard",
        "kg": "kilograms", "km": "kilometers", "mph": "miles per hour", "govt": "government", "dept": "department"}  # fmt: skip
"""Without a point, where nothing else is meant."""
