/* « Afficher le mot de passe » beside each password: read before it is sent, hidden again when it is. */
"use strict";

document.querySelectorAll("input[type=password]").forEach((field) => {
  const label = document.querySelector(`label[for="${field.id}"]`)?.textContent.trim().toLowerCase() ?? "le mot de passe";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "lien montrer";
  const say = (shown) => {
    field.type = shown ? "text" : "password";
    button.textContent = shown ? "Masquer" : "Afficher";
    button.setAttribute("aria-label", `${shown ? "Masquer" : "Afficher"} : ${label}`);
  };
  say(false);
  button.addEventListener("click", () => say(field.type === "password"));
  field.form?.addEventListener("submit", () => say(false));
  field.after(button);
});
