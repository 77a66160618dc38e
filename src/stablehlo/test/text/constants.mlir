// Constants in every spelling; see modules.mlir.
func.func @integers() {
  %0 = stablehlo.constant dense<7> : tensor<2x3xi32>
  %1 = stablehlo.constant dense<[[1, -2, 3], [0x10, 0x7FFFFFFE, 0]]> : tensor<2x3xi32>
  %2 = stablehlo.constant dense<"0x01000000FEFFFFFF"> : tensor<2xi32>
  %3 = stablehlo.constant dense<"0x01000000"> : tensor<5xi32>
  %4 = stablehlo.constant dense<> : tensor<0x3xi8>
  %5 = stablehlo.constant dense<[true, false, 1, -1, 0]> : tensor<5xi1>
  %6 = stablehlo.constant dense<"0x15"> : tensor<5xi1>
  %7 = stablehlo.constant dense<[-8, 7]> : tensor<2xi4>
  %8 = stablehlo.constant dense<[0, 15]> : tensor<2xui4>
  %9 = stablehlo.constant dense<[-2, 1]> : tensor<2xi2>
  %10 = stablehlo.constant dense<[18446744073709551615, 0]> : tensor<2xui64>
  %11 = stablehlo.constant dense<[-9223372036854775808, 9223372036854775807]> : tensor<2xi64>
  %12 = stablehlo.constant dense<[[], []]> : tensor<2x0xi8>
  %13 = stablehlo.constant dense<true> : tensor<i1>
  %14 = stablehlo.constant dense<"0x010203040506070809"> : tensor<3x3xui8>
  return
}

// -----

func.func @floats() {
  %0 = stablehlo.constant dense<[1.0, -2.5e-3, 1.E+2, 0x7FC00000, 0xFF800000, -0.0, 0.1]> : tensor<7xf32>
  %1 = stablehlo.constant dense<0x7F800000> : tensor<2xf32>
  %2 = stablehlo.constant dense<[3.14159265358979323846264338327950288, 1.7976931348623157e308, 4.9e-324, 2.2250738585072011e-308]> : tensor<4xf64>
  %3 = stablehlo.constant dense<[1.0, 0xFF80, 3.389e38]> : tensor<3xbf16>
  %4 = stablehlo.constant dense<[65504.0, 65520.0, 5.9e-8]> : tensor<3xf16>
  %5 = stablehlo.constant dense<[448.0, 0x7F]> : tensor<2xf8E4M3FN>
  %6 = stablehlo.constant dense<[1.0, 0xFF]> : tensor<2xf8E8M0FNU>
  %7 = stablehlo.constant dense<[6.0, -0.5]> : tensor<2xf4E2M1FN>
  %8 = stablehlo.constant dense<"0x0000803F0000C07F"> : tensor<2xf32>
  %9 = stablehlo.constant dense<9007199254740993.0> : tensor<f64>
  %10 = stablehlo.constant dense<1.0000000000000001110223024625156541> : tensor<f64>
  return
}

// -----

func.func @complex_numbers() {
  %0 = stablehlo.constant dense<(1.0, -2.0)> : tensor<3xcomplex<f32>>
  %1 = stablehlo.constant dense<[(1.0, 0x7FF0000000000000), (-0.0, 2.0)]> : tensor<2xcomplex<f64>>
  %2 = stablehlo.constant dense<"0x0000803F00000040"> : tensor<complex<f32>>
  return
}

// -----

func.func @attributes(%arg0: tensor<f32>) {
  stablehlo.custom_call @x(%arg0) {backend_config = {a = 1 : i8, b = 2.5 : f32, c = dense<[1, 2]> : tensor<2xi16>, d = array<i64: 1, -2>,
    e = array<f32: 1.5>, f = array<i1: true, false>, g = array<i32>, h = -1 : i64, i = 0x10 : i32, j = -1.5 : bf16, k = tensor<2x?xf32>,
    l = f32, m = i1, n = [@a, "b"], o = @"sym bol", p = -7, q = 1.5, r = true, s = unit, t = (i32) -> f32, u = 5 : index,
    v = #mhlo.opaque<"<[", {}>, w = !mhlo.type<"x">, x = @a::@b, y = 255 : ui8}, api_version = 4 : i32} : (tensor<f32>) -> ()
  return
}

// -----

func.func @quantized(%arg0: tensor<2x!quant.uniform<i8:f32, 0.5>>, %arg1: tensor<2x2x!quant.uniform<i8<-127:127>:f32:1, {1.0e-1:3, 2.0}>>,
    %arg2: tensor<2x!quant.uniform<u8:bf16, 2.5e-01:128>>, %arg3: tensor<2x!quant.uniform<i4:f32:0, {1.0, 2.0:-1}>>)
    -> tensor<2x!quant.uniform<i8:f32, 0.5>> {
  %0 = stablehlo.add %arg0, %arg0 : tensor<2x!quant.uniform<i8:f32, 5.0e-01>>
  %1 = stablehlo.uniform_dequantize %arg1 : (tensor<2x2x!quant.uniform<i8<-127:127>:f32:1, {1.0e-1:3, 2.0}>>) -> tensor<2x2xf32>
  return %0 : tensor<2x!quant.uniform<i8:f32, 0.5>>
}
