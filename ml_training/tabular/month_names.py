"""The names of the months in English, German, French, Spanish, Italian, Portuguese, Dutch and Polish."""

NAMES = (
    "jan january januar jänner januari janvier janv enero ene gennaio gen janeiro styczeń stycznia",
    "feb february februar februari février févr fév febrero febbraio fevereiro fev luty lutego",
    "mar march mär märz mrz maart mrt mars marzo março marzec marca",
    "apr april avril avr abril abr aprile kwiecień kwietnia",
    "may mai mei mayo maggio mag maio maj maja",
    "jun june juni juin junio giugno giu junho czerwiec czerwca",
    "jul july juli juillet juil julio luglio lug julho lipiec lipca",
    "aug august augustus août aoû agosto ago sierpień sierpnia",
    "sep september sept septembre septiembre settembre set setembro wrzesień września",
    "oct october okt oktober octobre octubre ottobre ott outubro out październik października",
    "nov november novembre noviembre novembro listopad listopada",
    "dec december dez dezember décembre déc diciembre dic dicembre dezembro grudzień grudnia",
)
MONTHS = {name: number for number, names in enumerate(NAMES, start=1) for name in names.split()}
