"""What a run of the speech module is judged by on its way: sentences that no training text holds, three for each voice."""

from collections.abc import Sequence

from deepaudio.data.manifest import Item

SENTENCES = (
    "The postman left a small parcel under the green bench.",
    "We should book the table before Friday evening.",
    "Does anybody know where the spare batteries are?",
    "A cold wind came down from the mountains at dusk.",
    "My cousin has been learning the violin for three years.",
    "Turn left at the church and follow the river.",
    "The soup needs a little more pepper and some cream.",
    "Nine people signed the letter to the council.",
    "I thought the second half of the film was better.",
    "Could you water the plants while we are away?",
    "They painted the old fence white on Saturday.",
    "The doctor asked him to come back in two weeks.",
    "There was a long queue outside the new museum.",
    "She keeps her photographs in a drawer by the window.",
    "Please do not lean your ladder against that tree.",
    "Our teacher told us a story about a brave sailor.",
    "The last bus to the village leaves at eleven.",
    "He bought fresh bread, cheese and a bag of apples.",
    "Why did you shut all the doors so early?",
    "The children built a castle on the wet sand.",
    "It will take an hour to drive around the lake.",
    "Somebody has left a bicycle in front of the gate.",
    "The orchestra played quietly while the guests arrived.",
    "Thank you for sending me the book about gardens.",
)


def validation_items(voices: Sequence[Item]) -> list[Item]:
    """Every sentence in one voice: those of `voices` take turns, `audio` of each is the reference."""
    items = []
    for number, text in enumerate(SENTENCES):
        voice = voices[number % len(voices)]
        items.append(
            Item(
                id=f"{number:02d}-{voice.id}",
                text=text,
                reference=voice.audio,
                speaker=voice.speaker or voice.id,
            )
        )
    return items
