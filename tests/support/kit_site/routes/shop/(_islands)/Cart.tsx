export default function Cart() {
  return <b>cart</b>;
}
