"""Foreign text wherever a page of the app may put it, for the test of `text.plain`."""

import streamlit as st

from pages.ui import errors
from pages.ui.text import plain

FOREIGN = (
    "see http://evil.example/login or HTTPS://evil.example?a=b#c, ftp://evil.example, //evil.example",
    "www.evil.example WwW.evil.example http://www.evil.example www.www.evil.example http://http://evil.example",
    "mail@evil.example mailto:mail@evil.example xmpp:mail@evil.example a.b+c_d@evil.example @mail @@a@b.c",
    "http://пример.рф/логин http://[::1]:8501/ http://127.0.0.1:8501 https://a",
    "[a](http://evil.example) [a]: http://evil.example <http://evil.example> [^1] ![x](http://evil.example/p.png)",
    "<a href='http://evil.example'>a</a> <img src=x onerror=alert(1)> <script>alert(1)</script> &lt;b&gt; &#60;b&#62; &amp;",
    "$x^2$ $$y$$ \\(z\\) \\[z\\] $ 5 and $ 6",
    ":smile: :+1: :material/home: :streamlit: :red[x] :blue-badge[y] :small[z] :color[x]{foreground='red'} ::a :::a",
    "<- -> <-> -- --- <= >= ~= != == <=> ->> <<- -- a--b a->b",
    "**a** __b__ _c_ *d* `e` ~~f~~ ~g~ ==h== ^i^ |j|k| a\\b \\*c\\* \\\\",
    "# a",
    "1. a",
    "1) a",
    "- a",
    "+ a",
    "* a",
    "> a",
    "| a | b |",
    "```a",
    "~~~a",
    "    a",
    "---",
    "===",
    "***",
    "[ ] a",
    "- [x] a",
    ": a",
    "(c) (r) ... 'a' \"b\" 1/2",
)

for at, text in enumerate(FOREIGN):
    shown = plain(text)
    with st.container(key=f"foreign-{at}"):
        st.markdown(shown)
        st.markdown(f"**{shown}**  \n:small[{shown}]")
        st.caption(f"{shown} · {shown}")
        errors.say(text)
        st.button(shown, key=f"button-{at}", help=shown)
        st.checkbox(shown, key=f"checkbox-{at}")
        st.expander(shown)
        st.progress(0.5, text=f"Doing · {shown} · 3 s")
        st.metric(shown, 1)
        st.success(f"{shown} is there")
