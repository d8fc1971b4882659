// The list of events: search as one types, and more events without leaving the page.
"use strict";

(() => {
  const input = document.getElementById("search");
  const list = document.getElementById("list");
  let waiting = 0;
  let newest = 0;

  async function load(query) {
    const response = await fetch(`/?${query}&part=list`);
    if (!response.ok) throw new Error(String(response.status));
    return new DOMParser().parseFromString(await response.text(), "text/html").body;
  }

  async function search() {
    const mine = ++newest;
    const query = new URLSearchParams({ search: input.value.trim() });
    list.setAttribute("aria-busy", "true");
    try {
      const found = await load(query);
      if (mine !== newest) return;
      list.replaceChildren(...found.childNodes);
      history.replaceState(null, "", input.value.trim() ? `/?${query}` : "/");
    } catch {
      if (mine === newest) boxoffice.toast("The search did not answer. Please try again.");
    } finally {
      if (mine === newest) list.setAttribute("aria-busy", "false");
    }
  }

  async function more(link) {
    link.setAttribute("aria-disabled", "true");
    try {
      const found = await load(link.search.slice(1));
      const fresh = [...found.querySelectorAll(".card")];
      list.querySelector(".cards").append(...fresh);
      const next = found.querySelector("[data-more]");
      if (next) link.href = next.getAttribute("href");
      else link.parentElement.remove();
      link.removeAttribute("aria-disabled");
      fresh[0]?.querySelector("a").focus({ preventScroll: true });
    } catch {
      link.removeAttribute("aria-disabled");
      boxoffice.toast("No answer. Please try again.");
    }
  }

  input.form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 160); });
  list.addEventListener("click", (event) => {
    const link = event.target.closest("[data-more]");
    if (link) { event.preventDefault(); more(link); }
  });
})();
