// What the pages do by script besides htmx: the button for light or dark, and a form that needs
// nobody to press its button.
(function () {
  var form = document.querySelector("form[data-sends-itself]");
  if (form) { form.submit(); }
})();
(function () {
  var button = document.getElementById("theme");
  if (!button) { return; }
  button.hidden = false;
  button.addEventListener("click", function () {
    var next = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    document.documentElement.setAttribute("data-bs-theme", next);
    try { localStorage.setItem("theme", next); } catch (error) { /* a browser that keeps nothing */ }
  });
})();
