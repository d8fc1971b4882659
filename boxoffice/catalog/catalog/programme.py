"""
What is on: twelve evenings written by hand, and as many more as somebody asks for, by arithmetic.

Dates are counted from today, so that a first start always shows a coming season.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from catalog.inventory import LAYOUTS, VENUES, price_of
from catalog.models import Event, Venue, plain_words

HALLS = (
    ("Marienkai Concert Hall", "Hamburg"),
    ("Théâtre des Tilleuls", "Lyon"),
    ("Northbank Arena", "Manchester"),
    ("The Blue Lantern", "Copenhagen"),
    ("Sala Miralles", "Barcelona"),
    ("Gleisdreieck Halle", "Berlin"),
)


@dataclass(frozen=True, slots=True)
class Evening:
    title: str
    subtitle: str
    kind: str
    description: str


EVENINGS = (
    Evening(
        "Mahler: “Resurrection”",
        "Hanseatic Philharmonic · Leonie Brandt",
        "classical",
        "Ninety minutes from a funeral march to one of the loudest skies in music. Two hundred and forty "
        "musicians and singers, an offstage band, and the bells of the Marienkirche.",
    ),
    Evening(
        "A Midsummer Night’s Dream",
        "Compagnie du Confluent",
        "theatre",
        "Four lovers, six craftsmen and a quarrel among fairies. Played on an open stage of moss and mirrors, "
        "in English with French surtitles.",
    ),
    Evening(
        "Saltwater Kings",
        "The Long Tide Tour",
        "rock",
        "Eleven years after their last record the brothers from Whitby are back, with a brass section, a wall of "
        "light, and the whole of “Harbour Songs”.",
    ),
    Evening(
        "Ingrid Solberg Trio",
        "Night Ferry",
        "jazz",
        "Piano, bass and drums at arm’s length. Two sets of new music written on the boat between Bergen and "
        "Kirkenes; the kitchen is open until ten.",
    ),
    Evening(
        "Bach by Candlelight",
        "The six Brandenburg Concertos",
        "classical",
        "Les Vents d’Or play all six concertos on instruments of their time, lit by eight hundred candles. "
        "One interval, with hot chocolate.",
    ),
    Evening(
        "Neon Cartography",
        "Live in surround",
        "electronic",
        "A map of a city that does not exist, drawn in sound and laser by the duo from Tallinn. Ear plugs at "
        "the door, no seats too far back.",
    ),
    Evening(
        "Winterreise",
        "Samuel Okafor, baritone · Mira Lindqvist, piano",
        "classical",
        "Twenty-four songs, one walk through the snow. Schubert’s last journey, sung by the voice that "
        "everybody talked about in Salzburg.",
    ),
    Evening(
        "The Cherry Orchard",
        "A comedy by Anton Chekhov",
        "theatre",
        "The house is sold, the trees are falling and everyone is still talking about lunch. Directed by "
        "Agnès Delorme, with live music by the village band.",
    ),
    Evening(
        "Cirque Boréal: Aurora",
        "Forty artists, no animals, one very long night",
        "show",
        "Trapeze above water, a wheel of ice and a clown who has lost the sun. For everyone above five.",
    ),
    Evening(
        "Late Night with Theo Marchetti",
        "Stories, songs, one borrowed trumpet",
        "jazz",
        "The host of the longest-running late show in Copenhagen invites three guests he has never met. "
        "Nobody knows what happens next.",
    ),
    Evening(
        "Flamenco Puro",
        "Familia Amaya",
        "show",
        "Three generations on one wooden floor: guitar, voice, hands and heels. No amplification, no set, "
        "nothing to look at but the dance.",
    ),
    Evening(
        "Worlds in Concert",
        "The great scores of video games, with full orchestra",
        "classical",
        "From eight-bit dungeons to the last sunset of a hundred-hour quest, with a choir of eighty and the "
        "games themselves on a forty-metre screen.",
    ),
)

ARTISTS = (
    "Akademie Orchester", "Vela Quartet", "Teatro Alba", "Harrow & Finch", "Marisol Duarte", "The Paper Lanterns",
    "Kammerchor Nord", "Odile Marchand", "Low Winter Sun", "Balthazar Grand", "Ensemble Meridian", "Juno Castellane",
    "The Tidewater Five", "Nils Aaberg", "Compañía del Viento", "Ruby Okonkwo", "Glasswing", "Pavel Novotný",
    "Hotel Atlantic", "Les Cinq Étoiles", "Sister Meridian", "Tomás Ibarra",
)  # fmt: skip
PROGRAMMES = (
    ("Songs for the Small Hours", "jazz"), ("An Evening of Firsts", "classical"), ("The Glass Menagerie", "theatre"),
    ("Electric Gardens", "electronic"), ("The Farewell Tour", "rock"), ("Letters from the Sea", "classical"),
    ("One Thousand Lights", "show"), ("Unplugged", "rock"), ("The Winter’s Tale", "theatre"),
    ("Blue in Green", "jazz"), ("Requiem", "classical"), ("Signals", "electronic"), ("Carnival of the Animals", "show"),
    ("Three Sisters", "theatre"), ("Midnight Sessions", "jazz"), ("Northern Suite", "classical"),
    ("Loud and Clear", "rock"), ("Shadow Play", "show"), ("Radio Nights", "electronic"),
)  # fmt: skip


def evening(number: int) -> Evening:
    """Event ``number``, counted from 1."""
    if number <= len(EVENINGS):
        return EVENINGS[number - 1]
    title, kind = PROGRAMMES[number * 7 % len(PROGRAMMES)]
    artist = ARTISTS[number * 5 % len(ARTISTS)]
    return Evening(title, artist, kind, f"{artist} with “{title}”, for one evening only.")


def starts_at(number: int, today: datetime) -> datetime:
    """An evening in the coming months; the written ones within seven weeks."""
    days = 3 + (number * 17) % 46 if number <= len(EVENINGS) else 8 + (number * 29) % 330
    hour, minute = ((19, 30), (20, 0), (19, 0), (21, 0))[number % 4]
    return today.replace(hour=hour, minute=minute, second=0, microsecond=0) + timedelta(days=days)


def venues() -> list[Venue]:
    return [Venue(id=index, name=name, city=city) for index, (name, city) in enumerate(HALLS)]


def event(number: int, today: datetime | None = None) -> Event:
    """Event ``number`` as a row, not saved."""
    what, hall = evening(number), (number - 1) % len(HALLS)
    blocks = LAYOUTS[VENUES[hall]]
    prices = [price_of(number, block.factor) for block in blocks]
    return Event(
        id=number,
        title=what.title,
        subtitle=what.subtitle,
        description=what.description,
        kind=what.kind,
        venue_id=hall,
        starts_at=starts_at(number, today or datetime.now(UTC)),
        price_from=min(prices),
        price_to=max(prices),
        capacity=sum(
            block.first + index * block.growth for block in blocks for index in range(len(block.rows))
        ),
        keywords=" ".join(plain_words(" ".join([what.title, what.subtitle, what.kind, *HALLS[hall]]))),
    )
