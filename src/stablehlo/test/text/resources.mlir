// Elements at the end of the file: MLIR keeps them there, we print them where they are used.
module {
  func.func @elsewhere() -> tensor<3xi32> {
    %0 = stablehlo.constant dense_resource<three> : tensor<3xi32>
    %1 = stablehlo.constant dense_resource<"a b"> : tensor<2xf64>
    return %0 : tensor<3xi32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      three: "0x04000000010000000200000003000000",
      "a b": "0x08000000000000000000F03F0000000000000040"
    }
  }
#-}
