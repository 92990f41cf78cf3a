// A button that puts the address of the view on the clipboard.
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const field = parentElement.querySelector("input");
  const said = parentElement.querySelector("[role=status]");
  button.textContent = data.label;
  field.hidden = true;
  said.textContent = "";
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      said.textContent = data.copied;
    } catch {
      // Browsers give the clipboard to safe origins only; elsewhere the visitor copies by hand.
      field.value = location.href;
      field.hidden = false;
      field.select();
      said.textContent = data.byHand;
    }
    setTimeout(() => { said.textContent = ""; }, 4000);
  };
}
