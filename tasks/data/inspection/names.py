"""Names that columns often have, by what the columns are."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A whole name. Names are compared without spaces, underscores and case.
TARGETS = _words("target label labels y")
LABELS = _words(
    "label labels class classes category categories target intent sentiment topic spam tag emotion y language polarity "
    "labeltext labelname classname airlinesentiment subject genre queue department kategorie klasse categorie categoria"
)
TEXTS = _words(
    "text texts message messages sms sentence sentences review reviews comment comments content body tweet utterance "
    "query document question headline"
)
TIMES = _words(
    "date datetime time timestamp day ts period unixreviewtime reviewtime created createdat reviewdate purchasedate "
    "datum zeit zeitpunkt zeitstempel fecha"
)
USERS = _words(
    "user userid uid customer customerid client clientid reviewer reviewerid reader readerid memberid "
    "nutzer nutzerid benutzer kunde kundennr kundenid utilisateur utilisateurid usuario utente"
)
ITEMS = _words(
    "item itemid movie movieid film filmid book bookid isbn product productid asin track trackid song songid artist "
    "artistid anime animeid article articleid game gameid recipe recipeid business businessid joke jokeid "
    "sku artikel artikelnr produkt produktid buch produit livre producto libro prodotto"
)
RATINGS = _words(
    "rating ratings score stars rate bookrating overall reviewscore sterne bewertung etoiles estrellas valoracion voto"
)
# How often: the more, the better. Less sure than a rating, as such numbers are predicted, too.
COUNTS = _words(
    "purchases purchase quantity qty count counts plays playcount listens listencount clicks views visits orders "
    "anzahl menge"
)
TITLES = _words("title name movietitle booktitle product productname artistname trackname")
# All columns of such names: a file without numbers has a header.
OTHERS = _words("id name source translation answer title description answer category1 category2 author url")

# A word in a name. The second ones are as often what something is predicted from.
TARGET_WORDS = _words(
    "target label class price value salary wage survived churn churned exited default diagnosis quality species "
    "charges mpg medv strength progression approved fraud failure outcome rings classes response output result"
)
PERHAPS_TARGETS = _words("sales demand consumption income risk category score grade cost revenue rent cnt count")
CLASS_WORDS = _words("class type species category label")
GROUPS = _words(
    "patient subject user customer person speaker writer group session household machine device author client "
    "participant engine unit site station plant vehicle driver"
)
LANGUAGES = _words(
    "en fr de es it pt nl pl ru zh ja ko ar tr sv da fi no cs el hu ro uk hi english french german spanish italian "
    "portuguese dutch polish russian chinese japanese korean arabic turkish swedish source target src tgt "
    "englisch deutsch franzosisch spanisch italienisch francais anglais espanol italiano nederlands polski svenska"
)
ENGLISH = _words(  # the commonest words, that most texts have
    "the of and to in is that it for you with this are be have on not at but from they we what my was his her your"
)
NO_TEXTS = _words("name title address street city ticket url link file filename path email phone author company")
ID_NAME = re.compile(r"(^|_)(id|index|idx|uuid|guid|key|rowid|unnamed_0|row|no|nr)$")
COLUMN_NAMES = TARGETS | LABELS | TEXTS | TIMES | USERS | ITEMS | RATINGS | COUNTS | TITLES | OTHERS | LANGUAGES


def words_of(name: str) -> list[str]:
    """Return the words of a name: of MedHouseVal, med_house_val and `med house val` the same three."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", " ", name).casefold().split()
