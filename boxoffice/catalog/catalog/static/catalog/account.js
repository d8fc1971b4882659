// Signing in and out: the corner of every page, and a form that other scripts place where it is needed.
"use strict";

(() => {
  const { call, element, session } = boxoffice;

  function showAccount() {
    document.getElementById("account").hidden = !session.token;
    document.getElementById("account-name").textContent = session.email || "";
  }

  async function signOut() {
    try { await call("DELETE", "/api/tokens/current/"); } catch { /* the token is forgotten here in any case */ }
    session.end();
  }

  // A form for new and known buyers. It signs in and tells everybody by the "session" event.
  // `known` says which of them it is made for, as far as one can tell.
  boxoffice.signInForm = (title, { known = Boolean(localStorage.getItem("known")), titleForNew = title } = {}) => {
    const heading = element("h3");
    const error = element("p", { class: "error", role: "alert" });
    const email = element("input", { type: "email", name: "email", required: true, autocomplete: "username", inputmode: "email", maxlength: 254 });
    const password = element("input", { type: "password", name: "password", required: true, minlength: 10, maxlength: 128 });
    const submit = element("button", { class: "button wide", type: "submit" });
    const change = element("button", { class: "link", type: "button", onclick: () => { known = !known; error.textContent = ""; label(); } });
    const form = element("form", { novalidate: true, onsubmit: send },
      heading,
      element("label", { class: "field" }, element("span", {}, "E-mail"), email),
      element("label", { class: "field" }, element("span", {}, "Password"), password),
      error, element("p", { class: "after" }), submit, element("p", { class: "or" }, change));

    function label() {
      heading.textContent = known ? title : titleForNew;
      submit.textContent = known ? "Sign in" : "Create account";
      change.textContent = known ? "I am new here" : "I have an account";
      password.autocomplete = known ? "current-password" : "new-password";
      form.querySelector(".after").textContent = known ? "" : "At least ten characters. Your tickets are sent to this address.";
    }

    async function send(event) {
      event.preventDefault();
      error.textContent = "";
      for (const field of [email, password]) field.setAttribute("aria-invalid", String(!field.checkValidity()));
      const wrong = [email, password].find((field) => !field.checkValidity());
      if (wrong) {
        error.textContent = wrong === email ? "Please enter an e-mail address." : "Please enter at least ten characters.";
        wrong.focus();
        return;
      }
      submit.disabled = true;
      submit.classList.add("busy");
      try {
        const answer = await call("POST", known ? "/api/tokens/" : "/api/accounts/", { email: email.value.trim(), password: password.value });
        localStorage.setItem("known", "yes");
        session.begin(email.value.trim(), answer.token);
      } catch (problem) {
        if (problem.code === "email-taken") { known = true; label(); }
        error.textContent = (problem.body.errors || []).map((mistake) => mistake.detail).join(" ") || problem.message;
      } finally {
        submit.disabled = false;
        submit.classList.remove("busy");
      }
    }

    label();
    return form;
  };

  document.getElementById("sign-out").addEventListener("click", signOut);
  document.addEventListener("session", showAccount);
  showAccount();
})();
