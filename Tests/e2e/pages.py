"""A browser without JavaScript: cookies, forms, redirects. What works here works for anyone."""

from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from steward import Client


class Form:
    def __init__(self, action, method):
        self.action, self.method, self.fields = action, method, {}


class PageReader(HTMLParser):
    """The forms of a page, with their fields and the values that stand in them."""

    def __init__(self, text):
        super().__init__()
        self.forms = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "form":
            self.forms.append(Form(values.get("action") or "", (values.get("method") or "get").upper()))
        elif tag in ("input", "textarea", "select") and self.forms and values.get("name"):
            self.forms[-1].fields.setdefault(values["name"], values.get("value") or "")


class Browser:
    def __init__(self, url):
        self.url, self.client, self.cookies, self.path, self.answer = url, Client(url), {}, "/", None

    def open(self, path, method="GET", body=None, headers=None):
        for _ in range(6):
            parts = urlsplit(urljoin(self.url + self.path, path))
            assert f"{parts.scheme}://{parts.netloc}" == self.url, f"led away to {parts.netloc}"
            self.path = parts.path + (f"?{parts.query}" if parts.query else "")
            self.answer = self.client.request(method, self.path, body, {
                "Accept": "text/html", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), **(headers or {})})
            self.keep_cookie(self.answer.headers.get("set-cookie"))
            if self.answer.status not in (301, 302, 303, 307, 308):
                return self.answer
            method, body, headers, path = "GET", None, None, self.answer.headers["location"]
        raise AssertionError("redirected in a circle")

    def keep_cookie(self, header):
        # http.client joins several headers of one name with a comma; our cookies hold none in their values.
        for cookie in (header or "").split(", "):
            name, equals, value = cookie.split(";")[0].partition("=")
            if equals and " " not in name:
                self.cookies[name] = value

    def submit(self, having, **values):
        """Sends the form of this page that has the field `having`, with what stands in it and `values`."""
        forms = PageReader(self.answer.body.decode()).forms
        form = next(f for f in forms if having in f.fields)
        body = urlencode({**form.fields, **values}).encode()
        return self.open(form.action or self.path, form.method, body, {
            "Content-Type": "application/x-www-form-urlencoded", "Origin": self.url})

    def fields(self):
        return [name for form in PageReader(self.answer.body.decode()).forms for name in form.fields]
