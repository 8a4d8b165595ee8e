export default function Deep() {
  return <i>deep</i>;
}
